import { seededRandom } from '@shoal/host'
import { expect, test } from 'vitest'
import { ggmlFormats, quantiseRows } from './quantise-rows.ts'
import { writeFloat16 } from './write-float16.ts'

const random = seededRandom(7)
const values = Float32Array.from({ length: 96 }, (_, i) =>
  i < 64 ? (random.unit() - 0.5) * 0.08 : (i - 80) / 1e3,
)
const half = (bytes: Uint8Array, at: number): number => {
  const word = bytes[at]! | (bytes[at + 1]! << 8)
  const exponent = (word >> 10) & 31
  const mantissa = word & 1023
  const magnitude = exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15)
  return word >= 0x8000 ? -magnitude : magnitude
}

test.each([
  [0, 0x0000],
  [1, 0x3c00],
  [-2, 0xc000],
  [65504, 0x7bff],
  [2 ** -24, 0x0001],
  [-(2 ** -15), 0x8200],
  [1 / 3, 0x3555],
  [1.99999, 0x4000],
])('float16 of %d', (value, word) => {
  const bytes = new Uint8Array(2)
  writeFloat16(bytes, 0, value)
  expect(bytes[0]! | (bytes[1]! << 8)).toBe(word)
})

test('values read back from Q4_0 and Q8_0 are within a step of what was written', () => {
  const four = quantiseRows(ggmlFormats.Q4_0, values)
  const eight = quantiseRows(ggmlFormats.Q8_0, values)
  expect([four.byteLength, eight.byteLength]).toEqual([3 * 18, 3 * 34])
  for (const [index, value] of values.entries()) {
    const [block, place] = [Math.floor(index / 32), index % 32]
    const scale = half(four, block * 18)
    const byte = four[block * 18 + 2 + (place % 16)]!
    const code = place < 16 ? byte & 15 : byte >> 4
    expect(Math.abs((code - 8) * scale - value)).toBeLessThanOrEqual(Math.abs(scale) * 1.02)
    const step = half(eight, block * 34)
    const signed = (eight[block * 34 + 2 + place]! << 24) >> 24
    expect(Math.abs(signed * step - value)).toBeLessThanOrEqual(step * 0.6)
  }
})
