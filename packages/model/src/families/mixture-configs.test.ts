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

const deepseek = {
  ...dense,
  model_type: 'deepseek_v3',
  num_key_value_heads: 8,
  first_k_dense_replace: 1,
  n_routed_experts: 16,
  n_shared_experts: 2,
  num_experts_per_tok: 4,
  n_group: 4,
  topk_group: 2,
  norm_topk_prob: true,
  routed_scaling_factor: 2.5,
  moe_intermediate_size: 24,
  q_lora_rank: 32,
  kv_lora_rank: 24,
  qk_nope_head_dim: 16,
  qk_rope_head_dim: 8,
  v_head_dim: 12,
  // Some files name the channels that turn.
  head_dim: 8,
}
const grouped = { scores: 'sigmoid', groups: 4, activeGroups: 2, scale: 2.5, corrected: true }

test('DeepSeek-V3 has latent attention and experts in groups', () => {
  expect(parseConfig(deepseek)).toMatchObject({
    headSize: 24,
    rope: { theta: 10_000, dimensions: 8, scaling: null },
    latent: { querySize: 32, keyValueSize: 24, valueSize: 12 },
    experts: { count: 16, activeCount: 4, sharedSize: 48, sharedUngated: true, denseBlocks: [0], grouped },
  })
  const scaling = {
    type: 'yarn',
    factor: 40,
    mscale: 1,
    mscale_all_dim: 1,
    original_max_position_embeddings: 64,
  }
  const { scoreDivisor } = parseConfig({ ...deepseek, rope_scaling: scaling })
  expect(scoreDivisor).toBeCloseTo(Math.sqrt(24) / (0.1 * Math.log(40) + 1) ** 2, 6)
})

test('Kimi K2 is DeepSeek-V3 under another name, with one group of experts and YaRN that does not blend', () => {
  const scaling = {
    type: 'yarn',
    factor: 32,
    beta_fast: 1,
    beta_slow: 1,
    mscale: 1,
    mscale_all_dim: 1,
    original_max_position_embeddings: 64,
  }
  const kimi = { ...deepseek, n_group: 1, topk_group: 1, routed_scaling_factor: 2.827, rope_scaling: scaling }
  const config = parseConfig({ ...kimi, model_type: 'kimi_k2' })
  expect(config).toEqual(parseConfig(kimi))
  expect(config).toMatchObject({
    family: 'deepseek_v3',
    rope: { scaling: { betaFast: 1, betaSlow: 1 } },
    experts: { grouped: { ...grouped, groups: 1, activeGroups: 1, scale: 2.827 } },
  })
})

test('DeepSeek-V2-Lite has queries of the residual stream and one group of experts', () => {
  const lite = { q_lora_rank: null, topk_method: 'greedy', norm_topk_prob: false, scoring_func: 'softmax' }
  expect(parseConfig({ ...deepseek, ...lite, model_type: 'deepseek_v2' })).toMatchObject({
    latent: { querySize: null },
    experts: {
      normalised: false,
      grouped: { scores: 'softmax', groups: 1, activeGroups: 1, corrected: false },
    },
  })
})

test.each<[string, object, RegExp]>([
  ['another choice of experts', { topk_method: 'greedy' }, /topk_method is "greedy"/],
  ['other scores', { scoring_func: 'softmax' }, /scoring_func is "softmax"/],
  ['another order of pairs', { rope_interleave: false }, /rope_interleave is false/],
  ['biases of attention', { attention_bias: true }, /attention_bias is true/],
  ['groups that do not divide the experts', { n_group: 3 }, /cannot form 3 groups/],
  ['fewer experts in the groups than are chosen', { n_group: 16 }, /2 groups have fewer than 4 experts/],
  ['values wider than a head', { v_head_dim: 25 }, /values of 25/],
  ['no size of the shared vector', { kv_lora_rank: undefined }, /kv_lora_rank/],
  [
    'experts of V2 whose weights are divided by their sum',
    { model_type: 'deepseek_v2' },
    /norm_topk_prob is true/,
  ],
])('DeepSeek is refused with %s', (_, more, message) => {
  expect(() => parseConfig({ ...deepseek, ...more })).toThrow(message)
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
