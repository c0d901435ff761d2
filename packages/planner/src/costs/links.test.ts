import { expect, test } from 'vitest'
import { sketchCosts, sketchMember } from '../testing/sketches.ts'
import { bytesPerSecond, frameMicros, hopMicros, unmeasuredBytesPerSecond } from './links.ts'
import { tokenMicros } from './predict.ts'
import { stageMicros } from './stage.ts'

const costs = sketchCosts(4)
const member = (name: string, bandwidth: number, rates?: Record<string, number>) => {
  const made = sketchMember(costs, { name, fits: 4, bytesPerSecond: bandwidth })
  return rates === undefined ? made : { ...made, rates }
}

test.each([
  ['neither end has measured anything', member('a', 0), member('b', 0), unmeasuredBytesPerSecond],
  ['both ends have measured other links only', member('a', 9e6), member('b', 7e6), 7e6],
  ['one end has measured another link', member('a', 9e6), member('b', 0), 9e6],
  ['one end has measured this link', member('a', 9e6, { b: 2e6 }), member('b', 7e6), 2e6],
  [
    'both ends have measured this link, and the slower claim counts',
    member('a', 9e6, { b: 2e6 }),
    member('b', 7e6, { a: 1e6 }),
    1e6,
  ],
  [
    'a rate towards a third member does not count for this link',
    member('a', 9e6, { c: 1 }),
    member('b', 7e6),
    7e6,
  ],
  ['a claim of zero counts as not measured', member('a', 9e6, { b: 0 }), member('b', 7e6), 7e6],
])('the rate of a link: %s', (_name, a, b, rate) => {
  expect(bytesPerSecond(a, b)).toBe(rate)
  expect(bytesPerSecond(b, a)).toBe(rate)
})

test('a hop takes half a round trip and the time of its bytes', () => {
  const [a, b] = [member('a', 1e6), member('b', 1e6)]
  expect(hopMicros({ ...a, links: { b: 4000 } }, { ...b, links: { a: 6000 } }, 5000)).toBe(
    frameMicros + 3000 + 5000,
  )
  expect(hopMicros(a, a, 5000)).toBe(0)
})

test('a token takes the time of its blocks behind their cache, its stages, and the hops from the coordinator and back', () => {
  const near = { b: 2000, c: 2000 }
  const slow = { ...member('b', 1e9), links: { a: 2000, c: 10_000 } }
  const b = { ...slow, hardware: { ...slow.hardware, decodeMicrosPer1024Past: 100 } }
  const c = { ...member('c', 1e9), links: { a: 2000, b: 10_000 } }
  const snapshot = { members: [{ ...member('a', 1e9), links: near }, b, c], costs }
  const route = [
    { peer: 'b', start: 0, end: 1 },
    { peer: 'c', start: 1, end: 4 },
  ]
  const row = Math.ceil((costs.rowBytes * 1e6) / 1e9)
  expect(tokenMicros(snapshot, route, { from: 'a', past: 0 })).toBe(
    4 * 1000 + 2 * stageMicros + (1000 + 5000 + 1000) + 3 * (frameMicros + row),
  )
  expect(tokenMicros(snapshot, route, { from: 'a', past: 2048 })).toBe(
    tokenMicros(snapshot, route, { from: 'a', past: 0 }) + 200,
  )
  // A coordinator that holds the first blocks itself has one hop less.
  expect(tokenMicros(snapshot, route, { from: 'b', past: 0 })).toBe(
    4 * 1000 + 2 * stageMicros + 2 * 5000 + 2 * (frameMicros + row),
  )
  expect(() => tokenMicros(snapshot, [{ peer: 'z', start: 0, end: 4 }], { from: 'a', past: 0 })).toThrow('z')
})
