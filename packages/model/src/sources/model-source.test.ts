import { expect, test } from 'vitest'
import { openModel } from './model-source.ts'
import { widen } from './widen.ts'
import { memoryFiles, type ModelFiles } from './range-reader.ts'
import {
  smallConfigJson,
  smallModelFiles,
  smallTensors,
  safetensorsOf,
  smallValues,
  utf8,
} from '../testing/small-model.ts'

const files = (change: Record<string, Uint8Array | null>): ModelFiles => {
  const all = new Map([
    ['config.json', utf8(JSON.stringify(smallConfigJson))],
    ['model.safetensors', safetensorsOf(smallTensors('F32'))],
  ])
  for (const [name, bytes] of Object.entries(change)) {
    if (bytes === null) all.delete(name)
    else all.set(name, bytes)
  }
  return memoryFiles('small', all)
}
const index = (weightMap: unknown): Record<string, Uint8Array> => ({
  'model.safetensors.index.json': utf8(JSON.stringify({ weight_map: weightMap })),
})

test('rows are given as they are stored, and widening them is exact', async () => {
  for (const dtype of ['F64', 'F32', 'F16', 'BF16'] as const) {
    const source = await openModel(smallModelFiles(dtype, 2))
    const all = smallValues(400, 2)
    const name = 'model.layers.0.self_attn.q_proj.weight'
    expect(await source.tensors.tensor(name)).toMatchObject({ type: dtype, shape: [20, 20] })
    expect(widen(await source.tensors.readRows(name, 3, 5))).toEqual(all.slice(60, 100))
    expect(widen(await source.tensors.readRows(name, 20, 20))).toEqual(new Float32Array(0))
    expect(widen(await source.tensors.readRows('model.norm.weight', 1, 3))).toEqual(
      smallValues(20, 25).slice(1, 3),
    )
    for (const [start, end] of [
      [-1, 2],
      [0, 21],
      [2, 1],
      [0.5, 1],
    ] as const) {
      await expect(source.tensors.readRows(name, start, end)).rejects.toThrow(
        expect.objectContaining({ code: 'bad-request' }),
      )
    }
  }
})

test('end tokens come from generation_config.json, assets are at hand', async () => {
  const source = await openModel(
    files({ 'generation_config.json': utf8('{"eos_token_id":[3,4]}'), 'README.md': utf8('x') }),
  )
  expect(source.config.eosTokenIds.slice(0, 2)).toEqual([3, 4])
  expect([...source.assets.keys()]).toEqual(['generation_config.json'])
})

test.each<[string, string, Record<string, Uint8Array | null>, RegExp]>([
  ['no config.json', 'not-found', { 'config.json': null }, /small has no config.json/],
  [
    'config.json that is not JSON',
    'bad-model',
    { 'config.json': utf8('{') },
    /config.json is not valid JSON/,
  ],
  [
    'a huge config.json',
    'limit-exceeded',
    { 'config.json': new Uint8Array((1 << 20) + 1) },
    /config.json has 1048577 bytes/,
  ],
  ['no weights', 'not-found', { 'model.safetensors': null }, /neither model.safetensors nor/],
  [
    'an index that is a list',
    'bad-model',
    { 'model.safetensors.index.json': utf8('[]') },
    /not a JSON object/,
  ],
  ['an index without a map', 'bad-model', index(null), /weight_map/],
  [
    'a shard outside the folder',
    'bad-model',
    index({ a: '../secret.safetensors' }),
    /is not the name of a safetensors file/,
  ],
  ['a shard at an absolute path', 'bad-model', index({ a: '/etc/x.safetensors' }), /is not the name/],
  ['a shard that is no text', 'bad-model', index({ a: 3 }), /is not the name/],
])('refused: %s', async (_, code, change, message) => {
  let closed = false
  const opened = { ...files(change), close: async () => void (closed = true) }
  await expect(openModel(opened)).rejects.toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  )
  expect(closed).toBe(true)
})

test('B46: weights that a file beside config.json calls quantised are refused before anything is read', async () => {
  const quantised = { quantization: { quant_algo: 'NVFP4', kv_cache_quant_algo: 'FP8' } }
  const folder = files({ 'hf_quant_config.json': utf8(JSON.stringify(quantised)) })
  await expect(openModel(folder)).rejects.toThrow(/already quantised \("NVFP4", says hf_quant_config.json\)/)
})

test('a missing shard is reported when one of its tensors is needed', async () => {
  const source = await openModel(files(index({ a: 'model-1.safetensors', b: 'model.safetensors' })))
  await expect(source.tensors.tensor('a')).rejects.toThrow(
    expect.objectContaining({
      code: 'not-found',
      message: expect.stringMatching(/no file model-1.safetensors/),
    }),
  )
  await expect(source.tensors.tensor('b')).rejects.toThrow(/"b" is missing from model.safetensors/)
  await expect(source.tensors.tensor('c')).rejects.toThrow(/does not name it/)
})

test('a reader that delivers fewer bytes than asked for is noticed', async () => {
  const whole = files({})
  const short: ModelFiles = {
    ...whole,
    open: async (name) => {
      const reader = await whole.open(name)
      return reader === null
        ? null
        : {
            ...reader,
            read: async (offset, length) =>
              (await reader.read(offset, length)).subarray(
                0,
                length > 8 && offset > 3000 ? length - 4 : length,
              ),
          }
    },
  }
  const source = await openModel(short)
  await expect(source.tensors.readRows('lm_head.weight', 0, 6)).rejects.toThrow(/476 of 480 bytes arrived/)
})
