import { expect, test } from 'vitest'
import { Gathering } from './gathering.ts'

/** A group whose latest calls had so many rows. */
function after(calls: readonly number[], lastMs = 0): Gathering {
  const gathering = new Gathering()
  for (const rows of calls) gathering.began('g', rows)
  gathering.arrived('g', lastMs)
  return gathering
}

test.each<[string, readonly number[], number, number]>([
  ['one answer alone', [1, 1, 1, 1], 1, 0],
  ['three answers', [3, 3, 3, 3], 1, 0],
  ['the first row of eight', [8, 8, 8, 8], 1, 3],
  ['most of eight', [8, 8, 8, 8], 6, 0],
  ['one answer after a crowd has gone', [8, 1, 1, 1, 1], 1, 0],
  ['another group', [], 1, 0],
])('%s', (_, calls, rows, holdMs) => {
  expect(after(calls).holdMs('g', rows, 0)).toBe(holdMs)
})

test('a call begins when no row has come for 3 ms, and after 10 ms at the latest', () => {
  const quiet = after([8])
  expect(quiet.holdMs('g', 1, 1)).toBe(2)
  expect(quiet.holdMs('g', 1, 3)).toBe(0)
  const trickle = after([16])
  const holds: number[] = []
  for (let nowMs = 0; nowMs <= 10; nowMs += 2) {
    trickle.arrived('g', nowMs)
    holds.push(trickle.holdMs('g', 1 + nowMs / 2, nowMs))
  }
  expect(holds).toEqual([3, 3, 3, 3, 2, 0])
  trickle.began('g', 6)
  expect(trickle.holdMs('g', 1, 10)).toBe(3)
})
