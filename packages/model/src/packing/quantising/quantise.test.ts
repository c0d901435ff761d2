import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { dequantiseRows } from './dequantise.ts'
import { parseFormat } from '../matrix-format.ts'
import { quantiseInt4, quantiseInt8 } from './quantise.ts'

function int4(values: number[], columns = values.length, blockSize = 16) {
  const blocks = (values.length / columns) * Math.ceil(columns / blockSize)
  const weight = new Uint8Array((blocks * blockSize) / 2)
  const scale = new Float32Array(blocks)
  const bad = quantiseInt4(Float32Array.from(values), columns, blockSize, weight, scale)
  const codes = [...weight].flatMap((byte) => [byte & 15, byte >> 4])
  return { codes, scale: [...scale], bad }
}

const zeros = (count: number): number[] => Array.from({ length: count }, () => 8)
test.each<[string, number[], number[], number]>([
  ['the extreme maps to the lowest code', [1, -0.5, 0], [0, 12, 8, ...zeros(13)], -0.125],
  ['a negative extreme too', [-1, 0.5, 0], [0, 12, 8, ...zeros(13)], 0.125],
  ['the opposite of the extreme is clamped', [-1, 1], [0, 15, ...zeros(14)], 0.125],
  ['of equals the first is the extreme', [1, -1], [0, 15, ...zeros(14)], -0.125],
  ['half a step rounds up in code space', [-8, 0.5, -0.5, 1.5], [0, 9, 8, 10, ...zeros(12)], 1],
  ['zeros have scale 0', [0, -0, 0], zeros(16), 0],
  ['subnormals without a finite inverse are zeros', [1e-40, -1e-40], zeros(16), 0],
  ['an odd count ends in a padded byte', [-8, 1, 2], [0, 9, 10, ...zeros(13)], 1],
])('int4: %s', (_, values, codes, scale) => {
  expect(int4(values)).toEqual({ codes, scale: [scale], bad: -1 })
})

test('a scale belongs to one block of one row', () => {
  const row = [...Array.from({ length: 16 }, () => -8), -16]
  expect(int4([...row, ...row.map((value) => value / 4)], 17).scale).toEqual([1, 2, 0.25, 0.5])
})

test('the index of the first value that is not finite is returned', () => {
  expect(int4([0, 0, 0, NaN, Infinity]).bad).toBe(3)
  expect(quantiseInt8(Float32Array.of(1, 2, -Infinity), 3, 16, new Uint8Array(16), new Float32Array(1))).toBe(
    2,
  )
})

test('any finite weights are quantised by the formula of docs/packing.md', () => {
  const value = fc.oneof(
    fc.float({ noNaN: true, noDefaultInfinity: true }),
    fc.float({ noNaN: true, min: -2, max: 2 }),
  )
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), fc.constantFrom(4, 8), (values, bits) => {
      const half = 2 ** (bits - 1)
      const extreme = values.reduce((most, one) => (Math.abs(one) > Math.abs(most) ? one : most), 0)
      const blocks = Math.ceil(values.length / 64)
      const weight = new Uint8Array((blocks * 64 * bits) / 8)
      const scale = new Float32Array(blocks)
      ;(bits === 4 ? quantiseInt4 : quantiseInt8)(Float32Array.from(values), values.length, 64, weight, scale)
      const expectedScale = Math.fround(extreme / -half)
      const inverse = Math.fround(1 / expectedScale)
      const usable = Number.isFinite(inverse)
      expect(scale[0]).toBe(usable ? expectedScale : 0)
      values.forEach((one, k) => {
        const code = bits === 8 ? weight[k] : ((weight[k >> 1] ?? 0) >> (4 * (k & 1))) & 15
        const expected = usable
          ? Math.min(2 ** bits - 1, Math.max(0, Math.floor(one * inverse + 0.5) + half))
          : half
        expect(code).toBe(expected)
      })
      const format = parseFormat(`int${bits}:64`)
      const back = dequantiseRows(format, weight, new Uint8Array(scale.buffer), 1, values.length)
      expect(back.length).toBe(values.length)
      back.forEach((one, k) => {
        const error = Math.abs(one - (values[k] ?? 0))
        expect(error).toBeLessThanOrEqual(Math.abs(scale[0] ?? 0) * 1.0001 + (usable ? 0 : 1e-36))
      })
    }),
    { numRuns: 500 },
  )
})

test('the wrong number of bytes is refused', () => {
  expect(() => dequantiseRows(parseFormat('int4:32'), new Uint8Array(15), new Uint8Array(4), 1, 32)).toThrow(
    /16 bytes of weight/,
  )
  expect(() => dequantiseRows(parseFormat('int8:32'), new Uint8Array(32), new Uint8Array(8), 1, 32)).toThrow(
    /4 bytes of scale/,
  )
  expect(() => dequantiseRows(parseFormat('f32'), new Uint8Array(32), new Uint8Array(0), 1, 32)).toThrow(
    /128 bytes of weight/,
  )
})
