import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyValueCapacity } from './key-value-size.ts'

test('capacity holds the content, stays in the budget, and wastes at most a quarter beyond the first step', () => {
  const lengths = fc.integer({ min: 1, max: 200_000 })
  fc.assert(
    fc.property(lengths, lengths, (a, b) => {
      const [length, budget] = [Math.min(a, b), Math.max(a, b)]
      const capacity = keyValueCapacity(length, budget)
      expect(capacity).toBeGreaterThanOrEqual(length)
      expect(capacity).toBeLessThanOrEqual(Math.min(budget, Math.max(64, length * 1.5)))
    }),
  )
})

test('growing row by row copies few rows', () => {
  let copied = 0
  for (let length = 1, capacity = 0; length <= 32_768; length += 1) {
    if (length <= capacity) continue
    capacity = keyValueCapacity(length, 32_768)
    copied += length - 1
  }
  expect(copied / 32_768).toBeLessThan(6)
})
