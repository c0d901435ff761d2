import { expect, test } from 'vitest'
import { widen } from './widen.ts'

const halfWords = (...words: number[]): Uint8Array => new Uint8Array(Uint16Array.from(words).buffer)
const bitsOf = (values: Float32Array): number[] => [
  ...new Uint32Array(values.buffer, values.byteOffset, values.length),
]

test.each<[number, number]>([
  [0x0000, 0],
  [0x3f80, 1],
  [0xbf80, -1],
  [0x4049, 3.140625],
  [0x0001, 2 ** -133],
  [0x7f7f, (2 - 2 ** -7) * 2 ** 127],
  [0x7f80, Infinity],
  [0x7fc0, NaN],
])('bfloat16 %i is %d', (word, value) => {
  expect(widen({ type: 'BF16', bytes: halfWords(word) })).toEqual(Float32Array.of(value))
})

test.each<[number, number]>([
  [0x3c00, 1],
  [0xc000, -2],
  [0x3555, 0.333251953125],
  [0x7bff, 65_504],
  [0x0400, 2 ** -14],
  [0x0001, 2 ** -24],
  [0x03ff, 1023 * 2 ** -24],
  [0x83ff, -1023 * 2 ** -24],
  [0x7c00, Infinity],
  [0xfc00, -Infinity],
  [0x7e00, NaN],
])('float16 %i is %d', (word, value) => {
  expect(widen({ type: 'F16', bytes: halfWords(word) })).toEqual(Float32Array.of(value))
})

test('every float16 equals sign · fraction · 2^exponent', () => {
  const words = Uint16Array.from({ length: 65_536 }, (_, word) => word)
  const widened = widen({ type: 'F16', bytes: new Uint8Array(words.buffer) })
  for (const [index, word] of words.entries()) {
    const sign = word >> 15 === 1 ? -1 : 1
    const [exponent, fraction] = [(word >> 10) & 31, word & 1023]
    const finite = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25)
    const expected = exponent === 31 ? (fraction === 0 ? sign * Infinity : NaN) : sign * finite
    if (!Object.is(widened[index], expected))
      throw new Error(`float16 ${word} became ${widened[index]}, not ${expected}`)
  }
})

test('the sign of zero survives', () => {
  expect(bitsOf(widen({ type: 'BF16', bytes: halfWords(0x8000) }))).toEqual([0x80000000])
  expect(bitsOf(widen({ type: 'F16', bytes: halfWords(0x8000) }))).toEqual([0x80000000])
})

test('float32 passes through, bytes at an odd offset too', () => {
  const values = Float32Array.of(1.5, -2.25, 1e-40)
  const shifted = new Uint8Array(13)
  shifted.set(new Uint8Array(values.buffer), 1)
  expect(widen({ type: 'F32', bytes: shifted.subarray(1) })).toEqual(values)
  const buffer = Buffer.from(shifted).subarray(1)
  expect(widen({ type: 'F32', bytes: buffer })).toEqual(values)
})

test('float64 is rounded to the nearest float32', () => {
  const values = Float64Array.of(0.1, -0, 1e-46, 2 ** 24 + 1, 1e39, NaN)
  const bytes = new Uint8Array(values.buffer)
  expect(widen({ type: 'F64', bytes })).toEqual(
    Float32Array.of(Math.fround(0.1), -0, 0, 2 ** 24, Infinity, NaN),
  )
})
