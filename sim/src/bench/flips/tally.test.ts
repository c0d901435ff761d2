import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { choose, createTally } from './tally.ts'

test.each([
  [[1, 3, 2], 1, 1],
  [[5, 5, 1], 0, 0],
  [[-2, -4], 0, 2],
])('the choice of %j is %i, ahead by %f', (logits, tokenId, gap) => {
  expect(choose(Float32Array.from(logits))).toEqual({ tokenId, gap })
})

test('the choice is the most likely token, whatever the logits', () => {
  fc.assert(
    fc.property(fc.float32Array({ minLength: 2, noNaN: true, noDefaultInfinity: true }), (logits) => {
      const sorted = [...logits].sort((a, b) => b - a)
      const { tokenId, gap } = choose(logits)
      expect(logits.indexOf(sorted[0]!)).toBe(tokenId)
      expect(gap).toBe(sorted[0]! - sorted[1]!)
    }),
  )
})

test('flips are counted from the first position that counts, with the gap of the first shape', () => {
  const tally = createTally(2)
  tally.add(Float32Array.of(0, 1, 4, 3, 0, 2, 1, 0), Float32Array.of(1, 0, 3, 4, 0, 2, 0, 1.5), 1)
  tally.add(Float32Array.of(0, 1), Float32Array.of(0, 1.25))
  expect(tally).toMatchObject({
    positions: 4,
    gaps: [1, 2, 1, 1],
    gapsAtFlips: [1, 1],
    firstFlips: [0, null],
    logitDifferenceMax: 1.5,
  })
})
