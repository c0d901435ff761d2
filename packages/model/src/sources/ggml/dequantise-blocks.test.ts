import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { dequantiseRows } from '../../packing/quantising/dequantise.ts'
import { offsetFormat, parseFormat } from '../../packing/matrix-format.ts'
import { keptInEightBits, keptWithOffsets, repackBlocks } from '../../packing/quantising/repack-blocks.ts'
import { blockTypes, type BlockType } from '../stored-types.ts'
import { dequantiseBlocks } from './dequantise-blocks.ts'

/** Two blocks of a type and the values that ggml gives them (test/gguf/README.md). */
const vectors = JSON.parse(
  readFileSync(new URL('../../../../../test/gguf/blocks.json', import.meta.url), 'utf8'),
) as Readonly<Partial<Record<BlockType, { bytes: string; values: string }>>>

const types = Object.keys(blockTypes) as BlockType[]
const given = types.filter((type) => vectors[type] !== undefined)

test('there are vectors of all types but three', () => {
  expect(types.filter((type) => !given.includes(type))).toEqual(['Q4_1', 'IQ4_XS', 'MXFP4'])
})

test.each(given)('%s: every value has the bits that ggml gives it', (type) => {
  const { bytes, values } = vectors[type]!
  const found = dequantiseBlocks(type, new Uint8Array(Buffer.from(bytes, 'base64')))
  expect(Buffer.from(found.buffer).toString('base64')).toBe(values)
})

test('Q4_1 by hand: scale 2, minimum -1, low nibbles first', () => {
  const block = new Uint8Array(20)
  block.set([0x00, 0x40, 0x00, 0xbc])
  for (let j = 0; j < 16; j++) block[4 + j] = j | ((15 - j) << 4)
  const expected = [...Array(16).keys()].map((code) => 2 * code - 1)
  expect([...dequantiseBlocks('Q4_1', block)]).toEqual([...expected, ...expected.toReversed()])
})

test('IQ4_XS by hand: group 5 has the scale 37 - 32, the others 0 - 32', () => {
  const block = new Uint8Array(136)
  block.set([0x00, 0x3c], 0)
  // 37 is 5 in the low bits, 2 in the high ones.
  block[4 + 2] = 5 << 4
  block[2 + 1] = 2 << 2
  block.fill(0x70, 8)
  const values = dequantiseBlocks('IQ4_XS', block)
  const group = (index: number): number[] => [...values.subarray(index * 32, index * 32 + 32)]
  const both = (scale: number): number[] => [
    ...Array<number>(16).fill(-127 * scale),
    ...Array<number>(16).fill(-10 * scale),
  ]
  expect(group(5)).toEqual(both(5))
  for (const index of [0, 1, 2, 3, 4, 6, 7]) expect(group(index)).toEqual(both(-32))
})

test('MXFP4 by hand: the first byte is an exponent, low nibbles first', () => {
  const block = new Uint8Array(17).fill(0)
  // 2 ** 1; the codes 0 to 15, then 15 to 0.
  block[0] = 128
  for (let j = 0; j < 16; j++) block[1 + j] = j | ((15 - j) << 4)
  const magnitudes = [0, 1, 2, 3, 4, 6, 8, 12]
  const expected = [...magnitudes, ...magnitudes.map((value) => 0 - value)]
  expect([...dequantiseBlocks('MXFP4', block)]).toEqual([...expected, ...expected.toReversed()])
})

const kept: readonly (readonly [BlockType, string])[] = [
  ['Q4_0', 'int4:32'],
  ...types.filter(keptInEightBits).map((type) => [type, 'int8:32'] as const),
]
test.each(kept)('%s copied into %s: the same values, whatever its bytes', (type, weights) => {
  const format = parseFormat(weights)
  const { bytes: size, values: columns } = blockTypes[type]
  fc.assert(
    fc.property(fc.uint8Array({ minLength: size * 3, maxLength: size * 3 }), (bytes) => {
      // Scales that are not finite are refused when packing.
      for (let block = 0; block < 3; block++) bytes[block * size + 1] = bytes[block * size + 1]! & 0xbf
      const { weight, scale } = repackBlocks({ type, bytes }, format)!
      const found = dequantiseRows(format, weight, new Uint8Array(scale.buffer), 3, columns)
      // A zero may get another sign.
      expect(found.map((value) => value + 0)).toEqual(dequantiseBlocks(type, bytes).map((value) => value + 0))
    }),
  )
})

const withOffsets = types.filter(keptWithOffsets)
test.each(withOffsets)('%s copied into blocks with offsets: the same values, whatever its bytes', (type) => {
  const format = parseFormat(offsetFormat)
  const { bytes: size, values: columns } = blockTypes[type]
  fc.assert(
    fc.property(fc.uint8Array({ minLength: size * 3, maxLength: size * 3 }), (bytes) => {
      for (let block = 0; block < 3; block++)
        for (const high of [1, 3]) bytes[block * size + high] = bytes[block * size + high]! & 0xbf
      const { weight, scale, offset } = repackBlocks({ type, bytes }, format)!
      const [scales, offsets] = [scale, offset!].map(({ buffer }) => new Uint8Array(buffer)) as [
        Uint8Array,
        Uint8Array,
      ]
      const found = dequantiseRows(format, weight, scales, 3, columns, offsets)
      const expected = dequantiseBlocks(type, bytes)
      for (const [index, value] of found.entries()) {
        // The offset is rounded where the exponents of a block's two scales lie far apart.
        const group = Math.floor(index / 32)
        const largest = Math.max(Math.abs(scale[group]!) * 16, Math.abs(offset![group]!))
        expect(Math.abs(value - expected[index]!)).toBeLessThanOrEqual(largest * 2 ** -23)
      }
    }),
    { numRuns: 20 },
  )
})

test.each(withOffsets.filter((type) => vectors[type] !== undefined))(
  '%s as ggml makes it, copied into blocks with offsets: the bits that ggml gives',
  (type) => {
    const format = parseFormat(offsetFormat)
    const { bytes, values } = vectors[type]!
    const { weight, scale, offset } = repackBlocks(
      { type, bytes: new Uint8Array(Buffer.from(bytes, 'base64')) },
      format,
    )!
    const found = dequantiseRows(
      format,
      weight,
      new Uint8Array(scale.buffer),
      2,
      blockTypes[type].values,
      new Uint8Array(offset!.buffer),
    )
    expect(found.map((value) => value + 0)).toEqual(
      new Float32Array(new Uint8Array(Buffer.from(values, 'base64')).buffer).map((value) => value + 0),
    )
  },
)

test.each<[BlockType, string]>([
  ['Q6_K', 'int4:32:offset'],
  ['Q8_0', 'int8:128'],
  ['Q8_0', 'int4:32'],
  ['Q4_1', 'int8:32'],
  ['Q6_K', 'int8:32'],
  ['Q4_0', 'f32'],
])('%s is not copied into %s, which cannot hold it', (type, weights) => {
  const bytes = new Uint8Array(blockTypes[type].bytes)
  expect(repackBlocks({ type, bytes }, parseFormat(weights))).toBeNull()
})
