import { expect, test } from 'vitest'
import { packedTensors, packedUnit, unitBytes, unitNames, unitsOfRange } from './packed-layout.ts'
import { parseConfig } from '../families/parse-config.ts'
import { parseProfile } from './profile.ts'

const llama1b = parseConfig({
  model_type: 'llama',
  hidden_size: 2048,
  intermediate_size: 8192,
  num_hidden_layers: 16,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128_256,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
})

test('the layout of one block, int4:32', () => {
  const block = packedUnit(llama1b, parseProfile('int4:32'), 'block-3')
  expect(block.map(({ name, type, shape, offset }) => [name, type, shape.join('x'), offset])).toEqual([
    ['block-3.attention-norm', 'f32', '2048', 0],
    ['block-3.qkv.weight', 'u8', '3072x64x16', 8192],
    ['block-3.qkv.scale', 'f32', '3072x64', 3_153_920],
    ['block-3.output.weight', 'u8', '2048x64x16', 3_940_352],
    ['block-3.output.scale', 'f32', '2048x64', 6_037_504],
    ['block-3.feed-forward-norm', 'f32', '2048', 6_561_792],
    ['block-3.gate-up.weight', 'u8', '16384x64x16', 6_569_984],
    ['block-3.gate-up.scale', 'f32', '16384x64', 23_347_200],
    ['block-3.down.weight', 'u8', '2048x256x16', 27_541_504],
    ['block-3.down.scale', 'f32', '2048x256', 35_930_112],
  ])
  expect(unitBytes(llama1b, parseProfile('int4:32'), 'block-3')).toBe(35_930_112 + 4 * 2048 * 256)
})

test('the optional tensors of each family', () => {
  const names = (change: object): string[] =>
    packedTensors({ ...llama1b, blockCount: 1, ...change }, parseProfile('f32')).map(({ name }) => name)
  const block = [
    'attention-norm',
    'qkv.weight',
    'output.weight',
    'feed-forward-norm',
    'gate-up.weight',
    'down.weight',
  ].map((name) => `block-0.${name}`)
  expect(names({})).toEqual(['embed.weight', ...block, 'head.norm'])
  expect(names({ tiedEmbeddings: false }).slice(-2)).toEqual(['head.norm', 'head.weight'])
  expect(names({ attentionBias: true })).toEqual([
    'embed.weight',
    ...block.slice(0, 2),
    'block-0.qkv.bias',
    ...block.slice(2),
    'head.norm',
  ])
  expect(names({ queryKeyNorm: true })).toEqual([
    'embed.weight',
    ...block.slice(0, 2),
    'block-0.query-norm',
    'block-0.key-norm',
    ...block.slice(2),
    'head.norm',
  ])
})

test('tensors of a unit follow each other at 64-byte boundaries without overlap', () => {
  for (const weights of ['f32', 'int4:16', 'int4:128', 'int8:64']) {
    for (const unit of unitNames(llama1b)) {
      let end = 0
      for (const tensor of packedUnit(
        { ...llama1b, hiddenSize: 2056, vocabularySize: 1001 },
        parseProfile(weights),
        unit,
      )) {
        expect(tensor.offset % 64).toBe(0)
        expect(tensor.offset - end).toBeGreaterThanOrEqual(0)
        expect(tensor.offset - end).toBeLessThan(64)
        end = tensor.offset + tensor.bytes
      }
    }
  }
})

test('units of a range are named, and unknown units are refused', () => {
  expect(unitsOfRange(llama1b, { start: 2, end: 4 })).toEqual(['block-2', 'block-3'])
  expect(unitsOfRange(llama1b, { start: 2, end: 2 })).toEqual([])
  expect(unitNames({ ...llama1b, blockCount: 2 })).toEqual(['embed', 'block-0', 'block-1', 'head'])
  for (const unit of ['block-16', 'block-0-expert-0', 'block--1', 'block-01', 'block-1e0', 'tail', '']) {
    expect(() => unitBytes(llama1b, parseProfile('f32'), unit)).toThrow(/there is no unit/)
  }
})
