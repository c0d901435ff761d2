import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { utf8Ranges } from './utf8-ranges.ts'

const character = fc
  .integer({ min: 0x80, max: 0x10_ff_ff })
  .filter((code) => code < 0xd8_00 || code > 0xdf_ff)

test('the bytes of a character are among those of a range exactly when the character is in the range', () => {
  fc.assert(
    fc.property(character, character, fc.array(character), (one, other, others) => {
      const [first, last] = [Math.min(one, other), Math.max(one, other)]
      if (first < 0xd8_00 && last > 0xdf_ff) return
      const sequences = utf8Ranges(first, last)
      const near = [first - 1, last + 1].filter(
        (code) => code > 0x7f && code <= 0x10_ff_ff && (code < 0xd8_00 || code > 0xdf_ff),
      )
      for (const code of [first, last, ...near, ...others]) {
        const bytes = new TextEncoder().encode(String.fromCodePoint(code))
        const found = sequences.filter(
          (each) =>
            each.length === bytes.length &&
            each.every(([from, to], index) => from <= (bytes[index] ?? 0) && (bytes[index] ?? 0) <= to),
        )
        expect(found.length).toBe(code >= first && code <= last ? 1 : 0)
      }
    }),
  )
})
