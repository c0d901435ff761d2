import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { limits } from '../../../limits.ts'
import { shareHead, shareRows } from './shared-calls.ts'

const { rowsPerSharedCallMax, rowsBesideStepsMax } = limits

test.each<[string, readonly number[], readonly number[]]>([
  ['a prompt that is alone gets a whole call', [2000], [64]],
  ['two prompts share it', [2000, 500], [32, 32]],
  ['steps are all computed', Array.from({ length: 40 }, () => 1), Array.from({ length: 40 }, () => 1)],
  ['a prompt beside one step', [2000, 1], [31, 1]],
  ['a prompt beside a short one', [2000, 16], [16, 16]],
  ['a prompt beside many steps', [128, ...Array<number>(30).fill(1)], [16, ...Array<number>(30).fill(1)]],
  ['a prompt that came later', [1, 128], [1, 31]],
  ['steps among prompts', [2000, 1, 1, 16, 500], [16, 1, 1, 16, 0]],
  ['nobody', [], []],
])('%s', (_, waiting, expected) => {
  expect(shareRows(waiting)).toEqual(expected)
})

test('no call is too large, the oldest request goes on, and nobody gets rows that it does not have', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 80 }), (waiting) => {
      const shares = shareRows(waiting)
      expect(shares).toHaveLength(waiting.length)
      expect(shares.reduce((sum, rows) => sum + rows, 0)).toBeLessThanOrEqual(rowsPerSharedCallMax)
      for (const [index, rows] of shares.entries()) expect(rows).toBeLessThanOrEqual(waiting[index]!)
      expect(shares[0]).toBeGreaterThanOrEqual(Math.min(waiting[0]!, rowsBesideStepsMax / 2))
    }),
  )
})

test('a call that reads its weights from disk takes what it can', () => {
  expect(shareRows([2000, 1], true)).toEqual([127, 1])
})

test('a call of the head takes requests in their order, until it has sixteen rows', () => {
  expect([shareHead([1, 1, 1]), shareHead([40, 1]), shareHead([10, 6, 1])]).toEqual([3, 1, 2])
})
