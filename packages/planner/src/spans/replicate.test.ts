import { expect, test } from 'vitest'
import { sketchCosts, sketchSnapshot, type MemberSketch } from '../testing/sketches.ts'
import { plan } from '../plan.ts'

const costs = sketchCosts(8)
const near = { a: 1000, b: 1000, c: 1000 }
const holders: MemberSketch[] = [
  { name: 'a', fits: 4, span: [0, 4], numericClass: 'one', links: near },
  { name: 'b', fits: 4, span: [4, 8], numericClass: 'two', links: near },
]
const spans = (members: readonly MemberSketch[]): Record<string, string> =>
  Object.fromEntries(
    plan(sketchSnapshot(costs, members), { objective: 'latency' }).placements.map(({ peer, start, end }) => [
      peer,
      `${start}:${end}`,
    ]),
  )

test.each([
  ['one', '0:4'],
  ['two', '4:8'],
])(
  'a spare peer of class %s copies the blocks whose holder is of that class, so that it could continue a stream bit for bit',
  (numericClass, span) => {
    expect(spans([...holders, { name: 'c', fits: 4, numericClass, links: near }])).toEqual({
      a: '0:4',
      b: '4:8',
      c: span,
    })
  },
)

test('blocks with fewer holders are copied before blocks of the own class', () => {
  const twice: MemberSketch = { name: 'c', fits: 4, span: [0, 4], numericClass: 'one', links: near }
  expect(
    spans([...holders, twice, { name: 'd', fits: 4, numericClass: 'one', links: { ...near } }])['d'],
  ).toBe('4:8')
})

test('a spare copy moves to blocks with one holder also where no span begins or ends beside them at its length', () => {
  // The blocks 6 and 7 have one holder. A window of five blocks reaches them all only where it begins behind a span's end.
  const wide = sketchCosts(16)
  const links = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => [name, 1000]))
  const member = (name: string, start: number, end: number): MemberSketch => ({
    name,
    fits: end - start,
    span: [start, end],
    links,
  })
  const members = [
    member('a', 0, 3),
    member('b', 0, 3),
    member('c', 0, 3),
    member('d', 0, 3),
    member('e', 3, 16),
    member('f', 3, 6),
    member('g', 9, 16),
  ]
  const holders = Array.from({ length: 16 }, () => 0)
  for (const { start, end } of plan(sketchSnapshot(wide, members), { objective: 'latency' }).placements)
    for (let block = start; block < end; block += 1) holders[block]! += 1
  expect(Math.min(...holders)).toBe(2)
})
