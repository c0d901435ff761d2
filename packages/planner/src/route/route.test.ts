import { describe, expect, test } from 'vitest'
import { sketchCosts, sketchSnapshot, type MemberSketch } from '../testing/sketches.ts'
import { frameMicros } from '../costs/links.ts'
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
  { name: 'through one peer that holds all blocks', members: [member('a', [0, 8])], route: 'a 0:8' },
  { name: 'through two halves', members: [member('b', [4, 8]), member('a', [0, 4])], route: 'a 0:4, b 4:8' },
  {
    name: 'through the faster of two copies',
    members: [member('a', [0, 8], { blockMicros: 2000 }), member('b', [0, 8])],
    route: 'b 0:8',
  },
  {
    name: 'through one peer where a second one would cost more for the hop',
    members: [member('a', [0, 8]), member('b', [4, 8], { blockMicros: 900, links: { a: 50_000 } })],
    route: 'a 0:8',
  },
  {
    name: 'into the middle of a span',
    members: [member('a', [0, 5]), member('b', [2, 8])],
    route: 'a 0:5, b 5:8',
  },
  {
    name: 'over the requested blocks only',
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
    name: 'through a later incarnation of a lost peer',
    members: [member('a', [0, 8]), member('b', [0, 8], { blockMicros: 5000 })],
    request: { lost: new Map([['a', 0]]) },
    route: 'a 0:8',
  },
  {
    name: 'through peers of the numeric class used so far, however slow',
    members: [member('a', [0, 8], { numericClass: 'other' }), member('b', [0, 8], { blockMicros: 5000 })],
    request: { classes: classesOf('one') },
    route: 'b 0:8',
  },
  {
    name: 'through two spans of the class used so far rather than one of another class',
    members: [member('a', [0, 8], { numericClass: 'other' }), member('b', [0, 5]), member('c', [5, 8])],
    request: { classes: classesOf('one') },
    route: 'b 0:5, c 5:8',
  },
  {
    name: 'through another class where no other route exists',
    members: [member('a', [0, 8], { numericClass: 'other' }), member('b', [0, 5])],
    request: { classes: classesOf('one') },
    route: 'a 0:8',
  },
  {
    name: 'through the fastest peer where the blocks were computed in class none',
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
    name: 'around a peer that drains',
    members: [member('a', [0, 8], { state: 'draining' }), member('b', [0, 4])],
    route: 'uncovered 4:8',
  },
  {
    name: 'around a peer without room for the cache',
    members: [member('a', [0, 8], { fits: 6 })],
    request: { tokenBudget: 4096 },
    route: 'uncovered 0:8',
  },
  {
    name: 'through the one of two equals that is near the coordinator',
    members: [
      member('a', [0, 8], { links: { d: 30_000 } }),
      member('b', [0, 8], { links: { d: 500 } }),
      member('d', [0, 1], { links: {} }),
    ],
    request: { from: 'd', exclude: new Set(['d']) },
    route: 'b 0:8',
  },
  {
    name: 'through the lower peer id of true equals',
    members: [member('c', [0, 8]), member('b', [0, 8])],
    route: 'b 0:8',
  },
  {
    name: 'nowhere and names every gap',
    members: [member('a', [1, 3]), member('b', [5, 6])],
    route: 'uncovered 0:1, uncovered 3:5, uncovered 6:8',
  },
]

describe('a route', () => {
  test.each(cases)('goes $name', ({ members, request, route }) => {
    const costs = sketchCosts(8)
    const result = findRoute(sketchSnapshot(costs, members), {
      range: { start: 0, end: 8 },
      tokenBudget: 64,
      ...request,
    })
    const text = result.found
      ? result.stages.map(({ peer, range }) => `${peer} ${range.start}:${range.end}`)
      : result.uncovered.map(({ start, end }) => `uncovered ${start}:${end}`)
    expect(text.join(', ')).toBe(route)
  })

  test('predicts its stages from the measurements of members', () => {
    const costs = sketchCosts(8)
    const result = findRoute(
      sketchSnapshot(costs, [member('a', [0, 4]), member('b', [4, 8], { blockMicros: 3000 })]),
      { range: { start: 0, end: 8 }, tokenBudget: 64 },
    )
    if (!result.found) throw new Error('no route was found')
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
