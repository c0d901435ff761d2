import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keptRows, lostRanges, maxReplayFrames, repairedRoute, replayChunks } from './replay-rules.ts'
import type { JournalStep } from './journal.ts'
import type { Route } from './types.ts'

const routeOf = (...stages: readonly [string, number, number][]): Route =>
  stages.map(([peer, start, end]) => ({
    peer,
    addresses: [],
    range: { start, end },
    incarnation: 1,
    predictedStepMs: () => 1,
  }))
const route = routeOf(['a', 0, 2], ['b', 2, 4], ['a', 4, 5], ['c', 5, 6])

test.each([
  [['b'], [[2, 4]]],
  [
    ['a'],
    [
      [0, 2],
      [4, 5],
    ],
  ],
  [['a', 'b'], [[0, 5]]],
  [
    ['b', 'c'],
    [
      [2, 4],
      [5, 6],
    ],
  ],
  [['a', 'b', 'c'], [[0, 6]]],
  [['d'], []],
])('losing %j leaves the ranges %j to be found', (lost, expected) => {
  expect(lostRanges(route, ({ peer }) => lost.includes(peer)).map(({ start, end }) => [start, end])).toEqual(
    expected,
  )
})

test('what was found takes its place in the route', () => {
  const found = new Map([[0, routeOf(['x', 0, 1], ['y', 1, 5])]])
  expect(repairedRoute(route, ({ peer }) => peer !== 'c', found).map(({ peer }) => peer)).toEqual([
    'x',
    'y',
    'c',
  ])
})

/** Step 2 was cut by a rewind to position 6, which step 4 made. */
const sent: readonly JournalStep[] = [
  { step: 0, position: 0, rows: 5, want: 'none' },
  { step: 2, position: 5, rows: 1, want: 'last' },
  { step: 4, position: 6, rows: 2, want: 'last' },
  { step: 5, position: 8, rows: 1, want: 'all' },
]

describe('rows that a stage keeps', () => {
  test.each([
    ['a new stage', { length: 0, lastStep: null }, 0],
    ['one that has everything', { length: 9, lastStep: 5 }, 9],
    ['one behind by a step', { length: 8, lastStep: 4 }, 8],
    ['one that has not heard of the rewind', { length: 12, lastStep: 3 }, 6],
    ['one that has rows of a step that was cut', { length: 9, lastStep: 2 }, 6],
    ['one that had less than the rewind', { length: 5, lastStep: 0 }, 5],
    ['one that claims more than there is', { length: 1000, lastStep: 99 }, 9],
  ])('%s', (_, progress, kept) => expect(keptRows(sent, progress)).toBe(kept))
})

test('chunks cover the rows from a position on, once, in order, and steps that are waited for stay whole', () => {
  const plan = fc.record({
    rows: fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 60 }),
    from: fc.double({ min: 0, max: 1, noNaN: true }),
    pending: fc.nat(8),
  })
  fc.assert(
    fc.property(plan, ({ rows, from: share, pending }) => {
      let position = 0
      const steps = rows.map((count, index): JournalStep => {
        position += count
        return { step: index * 2, position: position - count, rows: count, want: 'last' }
      })
      const waited = steps.slice(Math.max(0, steps.length - pending))
      const settled = waited[0]?.position ?? position
      const from = Math.floor(share * settled)
      const chunks = replayChunks(steps, from, settled)
      let reached = from
      let step = -1
      for (const chunk of chunks) {
        expect(chunk.position).toBe(reached)
        expect(chunk.step).toBeGreaterThan(step)
        reached += chunk.rows
        step = chunk.step
        if (chunk.position < settled) expect(chunk.want).toBe('none')
      }
      expect(reached).toBe(position)
      expect(chunks.slice(chunks.length - waited.length)).toEqual(waited)
      expect(chunks.length).toBeLessThanOrEqual(maxReplayFrames(position) + waited.length)
    }),
  )
})
