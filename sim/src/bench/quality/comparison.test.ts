import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createComparison } from './comparison.ts'

const logits = (...probabilities: readonly number[]): number[] => probabilities.map(Math.log)

test('divergence, agreement and perplexity of two positions, by hand', () => {
  const comparison = createComparison(2)
  comparison.add(
    { tokenIds: [0, 1], promptLength: 1 },
    Float32Array.from([...logits(0.5, 0.5), ...logits(0.9, 0.1)]),
    Float32Array.from([...logits(0.25, 0.75), ...logits(0.9, 0.1)]),
  )
  const first = 0.5 * Math.log(0.5 / 0.25) + 0.5 * Math.log(0.5 / 0.75)
  expect(comparison.positions).toBe(2)
  expect(comparison.kl).toBeCloseTo(first / 2, 6)
  // Of equals the smallest id is the most likely one, so that the first position disagrees.
  expect(comparison.topOneAgreement).toBe(0.5)
  // The last token predicts nothing that the text has.
  expect(comparison.perplexity).toBeCloseTo(1 / 0.75, 6)
  expect(comparison.perplexityExact).toBeCloseTo(2, 6)
})

test('a prompt is not judged, but for the position that predicts the first written token', () => {
  const comparison = createComparison(2)
  const given = logits(0.01, 0.99)
  comparison.add(
    { tokenIds: [0, 1, 1], promptLength: 2 },
    Float32Array.from([...given, ...logits(0.5, 0.5), ...logits(0.5, 0.5)]),
    Float32Array.from([...given.toReversed(), ...logits(0.75, 0.25), ...logits(0.5, 0.5)]),
  )
  expect(comparison.positions).toBe(2)
  expect(comparison.topOneAgreement).toBe(1)
  expect(comparison.perplexity).toBeCloseTo(4, 6)
  expect(comparison.perplexityExact).toBeCloseTo(2, 6)
})

test('the same logits, moved by a constant, do not diverge', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 2 }), (values) => {
      const comparison = createComparison(values.length)
      const one = Float32Array.from(values)
      comparison.add(
        { tokenIds: [0], promptLength: 1 },
        one,
        one.map((value) => value + 8),
      )
      expect(comparison.kl).toBeCloseTo(0, 5)
    }),
  )
})

test('a divergence is never negative', () => {
  const rows = fc.float32Array({ minLength: 6, maxLength: 6, noNaN: true, min: -30, max: 30 })
  fc.assert(
    fc.property(rows, rows, (one, other) => {
      const comparison = createComparison(6)
      comparison.add({ tokenIds: [3], promptLength: 1 }, one, other)
      expect(comparison.kl).toBeGreaterThanOrEqual(-1e-12)
    }),
  )
})
