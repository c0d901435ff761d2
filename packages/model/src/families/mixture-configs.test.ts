import { expect, test } from 'vitest'
import { checkConfig } from './check-config.ts'
import { parseConfig } from './parse-config.ts'

const dense = {
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 4,
  num_attention_heads: 8,
  vocab_size: 320,
  max_position_embeddings: 512,
  hidden_act: 'silu',
  bos_token_id: 1,
  eos_token_id: 2,
}
const qwen3 = {
  ...dense,
  model_type: 'qwen3_moe',
  num_key_value_heads: 2,
  num_experts: 16,
  num_experts_per_tok: 4,
  moe_intermediate_size: 24,
  norm_topk_prob: true,
}

test.each<[string, object, object]>([
  ['a block in two', { decoder_sparse_step: 2 }, { denseBlocks: [0, 2] }],
  ['blocks named as dense', { mlp_only_layers: [0, 3] }, { denseBlocks: [0, 3] }],
  ['weights that are not divided by their sum', { norm_topk_prob: false }, { normalised: false }],
  ['weights without a word about that', { norm_topk_prob: undefined }, { normalised: false }],
  ['the key of later releases', { num_experts: undefined, num_local_experts: 16 }, { count: 16 }],
  ['both keys, which agree', { num_local_experts: 16 }, { count: 16 }],
])('Qwen3 with experts: %s', (_, more, expected) => {
  const usual = { count: 16, activeCount: 4, size: 24, normalised: true, sharedSize: null, denseBlocks: [] }
  expect(parseConfig({ ...qwen3, ...more }).experts).toEqual({ ...usual, ...expected })
})

test('Qwen2 with experts has one that computes every row', () => {
  const json = { ...qwen3, model_type: 'qwen2_moe', shared_expert_intermediate_size: 48 }
  expect(parseConfig(json).experts).toMatchObject({ sharedSize: 48 })
})

test('keys that a Mixtral config lacks have the values of its class in transformers', () => {
  const json = { ...dense, model_type: 'mixtral' }
  expect(parseConfig(json)).toMatchObject({
    keyValueHeadCount: 8,
    normEpsilon: 1e-5,
    rope: { theta: 1_000_000 },
    experts: { count: 8, activeCount: 2, size: 160, normalised: true },
  })
})

test.each<[string, object, RegExp]>([
  ['more active experts than there are', { num_experts_per_tok: 17 }, /num_experts_per_tok/],
  ['keys that disagree', { num_local_experts: 8 }, /num_experts and num_local_experts disagree/],
  ['a sliding window', { use_sliding_window: true, sliding_window: 16 }, /use_sliding_window/],
  ['no block with experts', { mlp_only_layers: [0, 1, 2, 3] }, /denseBlocks/],
  ['a list that is none', { mlp_only_layers: 3 }, /mlp_only_layers/],
])('refused: %s', (_, more, message) => {
  expect(() => parseConfig({ ...qwen3, ...more })).toThrow(message)
})

test('a manifest whose experts would take memory that no budget counts is refused', () => {
  const config = parseConfig(qwen3)
  const withExperts = (more: object) => ({ ...config, experts: { ...config.experts, ...more } })
  expect(() => checkConfig(withExperts({ count: 1024, activeCount: 1024, size: 1 }))).toThrow(/activeCount/)
  expect(() => checkConfig({ ...withExperts({ count: 64, activeCount: 64 }), hiddenSize: 8192 })).toThrow(
    /524288 values, the limit is 262144/,
  )
  expect(() => checkConfig(withExperts({ denseBlocks: [2, 1] }))).toThrow(/ascending/)
})
