import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ggufFile, type GgufTensor, type GgufTestValue } from '../../testing/gguf-file.ts'
import { smallValues } from '../../testing/small-model.ts'
import { memoryFiles, type ModelFiles } from '../range-reader.ts'
import { widen } from '../widen.ts'
import { openGguf } from './gguf-model.ts'

const metadata: readonly (readonly [string, GgufTestValue])[] = [
  ['general.architecture', 'llama'],
  ['llama.block_count', 1],
  ['llama.context_length', 64],
  ['llama.embedding_length', 16],
  ['llama.feed_forward_length', 24],
  ['llama.attention.head_count', 2],
  ['llama.attention.head_count_kv', 1],
  ['llama.attention.layer_norm_rms_epsilon', 0.25],
]
const floats = (name: string, columns: number, rows: number): GgufTensor => ({
  name,
  shape: [columns, rows],
  type: 0,
  bytes: new Uint8Array(smallValues(columns * rows, 0).slice().buffer),
})
const tensors = [floats('token_embd.weight', 16, 6), floats('blk.0.attn_q.weight', 16, 16)]
const files = (contents: Readonly<Record<string, Uint8Array>>): ModelFiles =>
  memoryFiles('folder', new Map(Object.entries(contents)))
const open = (change: readonly (readonly [string, GgufTestValue])[] = [], others = tensors) => {
  const changed = new Map(change)
  const all = [...metadata.map(([key, value]) => [key, changed.get(key) ?? value] as const), ...change]
  return openGguf(files({ 'm.gguf': ggufFile({ metadata: [...new Map(all)], tensors: others }) }), 'm.gguf')
}

test('rows of q are put back into the order of Hugging Face, wherever a slice begins', async () => {
  const source = await open()
  const name = 'model.layers.0.self_attn.q_proj.weight'
  const rowOf = (row: number): Float32Array => smallValues(256, 0).slice(row * 16, row * 16 + 16)
  const order = [0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15]
  for (const [start, end] of [
    [0, 16],
    [3, 11],
    [9, 10],
    [5, 5],
  ] as const)
    expect([...widen(await source.tensors.readRows(name, start, end))]).toEqual(
      order.slice(start, end).flatMap((row) => [...rowOf(row)]),
    )
})

test('a split model is read from all its parts, whichever is named', async () => {
  const parts = files({
    'm-00001-of-00002.gguf': ggufFile({
      metadata: [...metadata, ['split.count', 2]],
      tensors: tensors.slice(0, 1),
    }),
    'm-00002-of-00002.gguf': ggufFile({ metadata: [['split.no', 1]], tensors: tensors.slice(1) }),
  })
  const [whole, split] = [await open(), await openGguf(parts, 'm-00002-of-00002.gguf')]
  expect(split.name).toBe('m')
  expect(split.config).toEqual(whole.config)
  for (const name of await whole.tensors.tensorNames()) {
    const { shape } = await split.tensors.tensor(name)
    const rows = shape[0] ?? 0
    expect(await split.tensors.readRows(name, 0, rows)).toEqual(await whole.tensors.readRows(name, 0, rows))
  }
})

test('a part that is missing, or has another name, is refused', async () => {
  const alone = files({ 'm-00001-of-00002.gguf': ggufFile({ metadata, tensors }) })
  await expect(openGguf(alone, 'm-00001-of-00002.gguf')).rejects.toThrow(/no file m-00002-of-00002.gguf/)
  await expect(open([['split.count', 3]])).rejects.toThrow(
    /in 3 parts: their names should end in -00001-of-00003/,
  )
})

test.each<[string, readonly (readonly [string, GgufTestValue])[], RegExp]>([
  [
    'another architecture',
    [['general.architecture', 'clip']],
    /architecture "clip" are not supported; these are: gemma2, gemma3, gpt-oss, llama, qwen2, qwen2moe, qwen3, qwen3moe/,
  ],
  ['an unknown key', [['llama.attention.scale', 0.5]], /llama.attention.scale is set/],
  [
    'experts in an architecture without them',
    [
      ['general.architecture', 'gemma2'],
      ['gemma2.expert_count', 8],
    ],
    /architecture "gemma2" are read only without experts/,
  ],
  [
    'an architecture with experts that names none',
    [['general.architecture', 'qwen3moe']],
    /architecture "qwen3moe" are read only with experts/,
  ],
  ['heads that differ', [['llama.attention.head_count', [2, 1]]], /head_count differs from block to block/],
  ['a part of each head rotated', [['llama.rope.dimension_count', 4]], /rope.dimension_count 4 of 8/],
  [
    'a rope scaling whose parameters are elsewhere',
    [['llama.rope.scaling.type', 'longrope']],
    /rope scaling "longrope" is not read/,
  ],
])('refused as unsupported: %s', async (_, change, message) => {
  await expect(open(change)).rejects.toThrow(
    expect.objectContaining({ code: 'unsupported-model', message: expect.stringMatching(message) }),
  )
})

test('what a file says twice or with another type is refused', async () => {
  await expect(open([['llama.block_count', 'one']])).rejects.toThrow(
    /llama.block_count is "one", not a number/,
  )
  await expect(open([], [])).rejects.toThrow(/no token_embd.weight/)
  const factors = { name: 'rope_freqs.weight', shape: [3], type: 0, bytes: new Uint8Array(12) }
  await expect(open([], [...tensors, factors])).rejects.toThrow(/rope scaling factor must be a number/)
})

test('tensors of all experts must have as many as the file names, and blocks behind the last are not divided', async () => {
  const experts: readonly (readonly [string, GgufTestValue])[] = [
    ['llama.expert_count', 4],
    ['llama.expert_used_count', 2],
  ]
  const router = floats('blk.0.ffn_gate_inp.weight', 16, 4)
  const stacked = (block: number, count: number): GgufTensor => ({
    ...floats(`blk.${block}.ffn_down_exps.weight`, 24, 16 * count),
    shape: [24, 16, count],
  })
  const source = await open(experts, [...tensors, router, stacked(0, 4), stacked(7, 3)])
  const name = 'model.layers.0.block_sparse_moe.experts.3.w2.weight'
  expect((await source.tensors.tensor(name)).shape).toEqual([16, 24])
  expect((await source.tensors.tensorNames()).filter((one) => one.includes('experts'))).toHaveLength(4)
  await expect(open(experts, [...tensors, router, stacked(0, 3)])).rejects.toThrow(
    /ffn_down_exps.weight" has the shape \[3, 16, 24\], but the file has 4 experts/,
  )
  await expect(open(experts)).rejects.toThrow(/denseBlocks must be a list that leaves blocks with experts/)
})

test('a tensor of a type that is not read is named when it is needed', async () => {
  const strange = { name: 'blk.0.attn_v.weight', shape: [256, 1], type: 16, bytes: new Uint8Array(66) }
  const source = await open([], [...tensors, strange])
  await expect(source.tensors.tensor('model.layers.0.self_attn.v_proj.weight')).rejects.toThrow(
    /is stored as IQ2_XXS; F64, F32/,
  )
  await expect(source.tensors.tensor('model.norm.weight')).rejects.toThrow(/is missing from the GGUF file/)
})

test('every end token of a file ends a generation, and a quantised file names the weights that keep it', async () => {
  const turn: (readonly [string, GgufTestValue])[] = [
    ['tokenizer.ggml.model', 'no_vocab'],
    ['tokenizer.ggml.tokens', ['a', '</s>', '<|im_end|>', '<|eot_id|>']],
    ['tokenizer.ggml.token_type', [1, 3, 3, 1]],
    ['tokenizer.ggml.eos_token_id', 1],
    ['tokenizer.ggml.eot_token_id', 4],
  ]
  expect((await open(turn)).config.eosTokenIds).toEqual([1, 4, 2, 3])
  expect((await open()).preferredWeights).toBeNull()
  const path = new URL('../../../../../test/gguf/stories260K-Q4_0.gguf', import.meta.url)
  const story = await openGguf(files({ 'm.gguf': new Uint8Array(readFileSync(path)) }), 'm.gguf')
  expect(story.preferredWeights).toBe('int4:32+head-int8:32')
})
