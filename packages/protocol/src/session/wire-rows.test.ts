import { ShoalError } from '@shoal/host'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeRows, encodeRows, wireFormats, wireRowBytes, type WireFormat } from './wire-rows.ts'

const roundTrip = (wire: WireFormat, values: readonly number[], hiddenSize = values.length): number[] => {
  const rows = values.length / hiddenSize
  return [...decodeRows(wire, encodeRows(wire, Float32Array.from(values), hiddenSize), rows, hiddenSize)]
}

/** Values and the nearest numbers of IEEE 754 binary16, ties to even. */
test.each([
  [0, 0],
  [-0, -0],
  [1, 1],
  [-1.5, -1.5],
  [1 + 2 ** -11, 1],
  [1 + 3 * 2 ** -11, 1 + 2 ** -9],
  [1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
  [2047.5, 2048],
  [65_504, 65_504],
  [65_519, 65_504],
  [1e9, 65_504],
  [-1e9, -65_504],
  [2 ** -14, 2 ** -14],
  [2 ** -14 - 2 ** -26, 2 ** -14],
  [2 ** -24, 2 ** -24],
  [2 ** -25, 0],
  [2 ** -25 + 2 ** -36, 2 ** -24],
  [3 * 2 ** -25, 2 ** -23],
  [1e-30, 0],
  [0.1, 0.0999755859375],
])('%s travels as %s in f16', (value, expected) => {
  expect(roundTrip('f16', [value])).toEqual([expected])
})

const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 })
const row = fc.array(finite, { minLength: 130, maxLength: 130 })

describe.each(wireFormats)('%s', (wire) => {
  test('changes values by no more than it says', () => {
    fc.assert(
      fc.property(row, (values) => {
        const back = roundTrip(wire, values)
        for (const [index, value] of values.entries()) {
          const from = Math.floor(index / 64) * 64
          const largest = Math.max(...values.slice(from, from + 64).map(Math.abs))
          const allowed = {
            f32: 0,
            f16: Math.abs(value) * 2 ** -11 + 2 ** -25,
            int8: (largest / 254) * (1 + 1e-5) + 1e-40,
          }[wire]
          expect(Math.abs(back[index]! - value)).toBeLessThanOrEqual(allowed)
        }
      }),
      { numRuns: 50 },
    )
  })

  test('gives a row the same bytes alone and among others', () => {
    fc.assert(
      fc.property(row, row, (one, two) => {
        const both = encodeRows(wire, Float32Array.from([...one, ...two]), 130)
        const apart = [one, two].map((values) => encodeRows(wire, Float32Array.from(values), 130))
        expect([...both]).toEqual(apart.flatMap((bytes) => [...bytes]))
      }),
      { numRuns: 20 },
    )
  })

  test('refuses a payload of another length', () => {
    for (const length of [0, wireRowBytes(wire, 130) - 4, 2 * wireRowBytes(wire, 130)])
      expect(() => decodeRows(wire, new Uint8Array(length), 1, 130)).toThrow(ShoalError)
  })
})

test('rows take a half and about a quarter of the bytes', () => {
  expect(wireFormats.map((wire) => wireRowBytes(wire, 2048))).toEqual([8192, 4096, 2176])
})
