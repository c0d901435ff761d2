import { describe, expect, test } from 'vitest'
import { sketchCosts, sketchSnapshot, type MemberSketch } from './fixtures.ts'
import { frameMicros } from './links.ts'
import { findRoute, type RouteRequest } from './route.ts'

const near = { a: 1000, b: 1000, c: 1000, d: 1000 }
const member = (
  name: string,
  span: readonly [number, number],
  more: Partial<MemberSketch> = {},
): MemberSketch => ({ name, fits: 8, span, links: near, ...more })

const classesOf = (numericClass: string): ReadonlyMap<number, string> =>
  new Map(Array.from({ length: 8 }, (_, block) => [block, numericClass]))

const cases: { name: string; members: MemberSketch[]; request?: Partial<RouteRequest>; route: string }[] = [
  { name: 'one that holds all', members: [member('a', [0, 8])], route: 'a 0:8' },
  { name: 'two halves', members: [member('b', [4, 8]), member('a', [0, 4])], route: 'a 0:4, b 4:8' },
  {
    name: 'the faster of two copies',
    members: [member('a', [0, 8], { blockMicros: 2000 }), member('b', [0, 8])],
    route: 'b 0:8',
  },
  {
    name: 'alone rather than with a hop that costs more',
    members: [member('a', [0, 8]), member('b', [4, 8], { blockMicros: 900, links: { a: 50_000 } })],
    route: 'a 0:8',
  },
  {
    name: 'in the middle of a span',
    members: [member('a', [0, 5]), member('b', [2, 8])],
    route: 'a 0:5, b 5:8',
  },
  {
    name: 'only the blocks asked for',
    members: [member('a', [0, 5]), member('b', [4, 8])],
    request: { range: { start: 3, end: 6 } },
    route: 'a 3:5, b 5:6',
  },
  {
    name: 'around an excluded peer',
    members: [member('a', [0, 8]), member('b', [0, 8], { blockMicros: 5000 })],
    request: { exclude: new Set(['a']) },
    route: 'b 0:8',
  },
  {
    name: 'around a lost incarnation',
    members: [member('a', [0, 8]), member('b', [0, 8], { blockMicros: 5000 })],
    request: { lost: new Map([['a', 1]]) },
    route: 'b 0:8',
  },
  {
    name: 'by a later life of a lost peer',
    members: [member('a', [0, 8]), member('b', [0, 8], { blockMicros: 5000 })],
    request: { lost: new Map([['a', 0]]) },
    route: 'a 0:8',
  },
  {
    name: 'in the numeric class of before, however slow',
    members: [member('a', [0, 8], { numericClass: 'other' }), member('b', [0, 8], { blockMicros: 5000 })],
    request: { classes: classesOf('one') },
    route: 'b 0:8',
  },
  {
    name: 'in two spans of the class rather than in one of another',
    members: [member('a', [0, 8], { numericClass: 'other' }), member('b', [0, 5]), member('c', [5, 8])],
    request: { classes: classesOf('one') },
    route: 'b 0:5, c 5:8',
  },
  {
    name: 'by another class when there is no other way',
    members: [member('a', [0, 8], { numericClass: 'other' }), member('b', [0, 5])],
    request: { classes: classesOf('one') },
    route: 'a 0:8',
  },
  {
    name: 'by the fastest after class none',
    members: [
      member('a', [0, 8], { numericClass: 'other' }),
      member('b', [0, 8], { blockMicros: 5000, numericClass: 'none' }),
    ],
    request: { classes: classesOf('none') },
    route: 'a 0:8',
  },
  {
    name: 'around a busy peer',
    members: [member('a', [0, 8]), member('b', [0, 8], { blockMicros: 1500 })],
    request: { load: new Map([['a', { sessions: 3, busyPermille: 900 }]]) },
    route: 'b 0:8',
  },
  {
    name: 'not by a peer that drains',
    members: [member('a', [0, 8], { state: 'draining' }), member('b', [0, 4])],
    route: 'uncovered 4:8',
  },
  {
    name: 'not by a peer without room for the cache',
    members: [member('a', [0, 8], { fits: 6 })],
    request: { tokenBudget: 4096 },
    route: 'uncovered 0:8',
  },
  {
    name: 'the near one of two equals, seen from the coordinator',
    members: [
      member('a', [0, 8], { links: { d: 30_000 } }),
      member('b', [0, 8], { links: { d: 500 } }),
      member('d', [0, 1], { links: {} }),
    ],
    request: { from: 'd', exclude: new Set(['d']) },
    route: 'b 0:8',
  },
  {
    name: 'by peer id between true equals',
    members: [member('c', [0, 8]), member('b', [0, 8])],
    route: 'b 0:8',
  },
  {
    name: 'names every gap',
    members: [member('a', [1, 3]), member('b', [5, 6])],
    route: 'uncovered 0:1, uncovered 3:5, uncovered 6:8',
  },
]

describe('a route', () => {
  test.each(cases)('goes $name', ({ members, request, route }) => {
    const costs = sketchCosts(8)
    const result = findRoute(sketchSnapshot(costs, members), costs, {
      range: { start: 0, end: 8 },
      tokenBudget: 64,
      ...request,
    })
    const text = result.found
      ? result.stages.map(({ peer, range }) => `${peer} ${range.start}:${range.end}`)
      : result.uncovered.map(({ start, end }) => `uncovered ${start}:${end}`)
    expect(text.join(', ')).toBe(route)
  })

  test('predicts its stages from what was measured', () => {
    const costs = sketchCosts(8)
    const result = findRoute(
      sketchSnapshot(costs, [member('a', [0, 4]), member('b', [4, 8], { blockMicros: 3000 })]),
      costs,
      { range: { start: 0, end: 8 }, tokenBudget: 64 },
    )
    if (!result.found) throw new Error('no route')
    // rtt/2 + 4,096 bytes at 100 MB/s
    expect(
      result.stages.map(({ decodeMicros, prefillMicrosPerRow, hopMicros, hopMicrosPerRow }) => [
        decodeMicros,
        prefillMicrosPerRow,
        hopMicros,
        hopMicrosPerRow,
      ]),
    ).toEqual([
      [4000, 400, 0, 0],
      [12_000, 1200, frameMicros + 500 + 41, 41],
    ])
    expect(result.stages.every(({ incarnation }) => incarnation === 1)).toBe(true)
  })
})
