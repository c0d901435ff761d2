import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { sameBits } from '../probe/same-bits.ts'
import { codeMax, codeOf, roundedHeads, scaleOf } from './key-value-rounding.ts'

const bound = 2 ** 100
const heads = fc.float32Array({ minLength: 8, maxLength: 8, noNaN: true, min: -bound, max: bound })

test('the largest value of a head has the largest code, and the error of any is at most half a step', () => {
  fc.assert(
    fc.property(heads, (values) => {
      const scale = scaleOf(values, 0, values.length)
      const rounded = roundedHeads(values, values.length)
      const codes = [...values].map((value) => codeOf(value, scale))
      expect(codes.every((code) => Number.isInteger(code) && Math.abs(code) <= codeMax)).toBe(true)
      const largest = Math.max(...values.map(Math.abs))
      if (largest > 1e-25) expect(Math.max(...codes.map(Math.abs))).toBe(codeMax)
      for (const [index, value] of values.entries())
        // The scale has eight bits, so the largest value may be a quarter of a step beyond the largest code.
        expect(Math.abs(value - rounded[index]!)).toBeLessThanOrEqual(scale * 0.5001)
    }),
  )
})

test('rounded values are rounded to themselves, bit by bit: a cache that moves has the codes that it had', () => {
  fc.assert(
    fc.property(heads, (values) => {
      const once = roundedHeads(values, 4)
      expect(sameBits(roundedHeads(once, 4), once)).toBe(true)
      expect(once.every((value) => !Object.is(value, -0))).toBe(true)
    }),
  )
})
