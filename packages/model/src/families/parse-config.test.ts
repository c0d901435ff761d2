import { expect, test } from 'vitest'
import { parseConfig } from './parse-config.ts'

const llama = {
  model_type: 'llama',
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 320,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  hidden_act: 'silu',
  bos_token_id: 1,
  eos_token_id: 2,
  tie_word_embeddings: false,
}
const llama3Rope = {
  rope_type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 64,
}
const llama3Scaling = {
  type: 'llama3',
  factor: 8,
  lowFrequencyFactor: 1,
  highFrequencyFactor: 4,
  originalContextLength: 64,
}

test('a Llama config, field by field', () => {
  expect(parseConfig(llama)).toEqual({
    family: 'llama',
    hiddenSize: 64,
    feedForwardSize: 160,
    blockCount: 3,
    headCount: 4,
    keyValueHeadCount: 2,
    headSize: 16,
    vocabularySize: 320,
    contextLength: 512,
    normEpsilon: 1e-5,
    rope: { theta: 10_000, scaling: null },
    slidingWindow: null,
    attentionBias: false,
    queryKeyNorm: false,
    tiedEmbeddings: false,
    bosTokenId: 1,
    eosTokenIds: [2],
  })
})

const qwenWindow = { model_type: 'qwen2', use_sliding_window: true, sliding_window: 16 }
test.each<[string, object, object]>([
  ['llama 2 without key/value heads', { num_key_value_heads: undefined }, { keyValueHeadCount: 4 }],
  ['llama without rope_theta', { rope_theta: undefined }, { rope: { theta: 10_000, scaling: null } }],
  [
    'llama 3.1 scaling',
    { rope_theta: 500_000, rope_scaling: llama3Rope },
    { rope: { theta: 500_000, scaling: llama3Scaling } },
  ],
  [
    'B42: the newer rope_parameters',
    { rope_theta: undefined, rope_parameters: { ...llama3Rope, rope_theta: 500_000 } },
    { rope: { theta: 500_000, scaling: llama3Scaling } },
  ],
  [
    'rope_parameters of type default',
    { rope_parameters: { rope_type: 'default', rope_theta: 7 } },
    { rope: { theta: 7, scaling: null } },
  ],
  [
    'rope_parameters without a type',
    { rope_parameters: { rope_theta: 7 } },
    { rope: { theta: 7, scaling: null } },
  ],
  [
    'linear scaling, older spelling',
    { rope_scaling: { type: 'linear', factor: 2 } },
    { rope: { theta: 10_000, scaling: { type: 'linear', factor: 2 } } },
  ],
  ['llama without epsilon', { rms_norm_eps: null }, { normEpsilon: 1e-6 }],
  ['llama without context', { max_position_embeddings: undefined }, { contextLength: 2048 }],
  [
    'B43: yarn, in a config that names the context before it',
    { rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 512 } },
    {
      contextLength: 2048,
      rope: {
        theta: 10_000,
        scaling: {
          type: 'yarn',
          factor: 4,
          attentionFactor: 0.1 * Math.log(4) + 1,
          betaFast: 32,
          betaSlow: 1,
          originalContextLength: 512,
          truncate: true,
        },
      },
    },
  ],
  ['B43: rope_scaling {}', { rope_scaling: {} }, { rope: { theta: 10_000, scaling: null } }],
  ['rope_scaling of nulls', { rope_scaling: { type: null } }, { rope: { theta: 10_000, scaling: null } }],
  ['rope_scaling null', { rope_scaling: null }, { rope: { theta: 10_000, scaling: null } }],
  [
    'keys that change nothing',
    { rope_interleaved: false, logits_scaling: 1, final_logit_softcapping: null },
    {},
  ],
  ['explicit head_dim', { head_dim: 32 }, { headSize: 32 }],
  ['several end tokens', { eos_token_id: [2, 7, 2] }, { eosTokenIds: [2, 7] }],
  ['no special tokens', { bos_token_id: null, eos_token_id: null }, { bosTokenId: null, eosTokenIds: [] }],
  ['end tokens beyond the vocabulary', { eos_token_id: [2, 320] }, { eosTokenIds: [2] }],
  ['llama with a sliding_window it never had', { sliding_window: 16 }, { slidingWindow: null }],
  [
    'mistral',
    { model_type: 'mistral', sliding_window: 16 },
    { family: 'mistral', slidingWindow: 16, attentionBias: false },
  ],
  ['mistral, no window', { model_type: 'mistral', sliding_window: null }, { slidingWindow: null }],
  [
    'mistral, a window longer than the context',
    { model_type: 'mistral', sliding_window: 4096 },
    { slidingWindow: null },
  ],
  [
    'mistral, window left out',
    { model_type: 'mistral', max_position_embeddings: 32_768 },
    { slidingWindow: 4096 },
  ],
  [
    'qwen2',
    { model_type: 'qwen2', use_sliding_window: false, sliding_window: 16 },
    { attentionBias: true, slidingWindow: null },
  ],
  ['qwen2 with a window in all blocks', { ...qwenWindow, max_window_layers: 0 }, { slidingWindow: 16 }],
  ['qwen2 with a window in no block', { ...qwenWindow, max_window_layers: 3 }, { slidingWindow: null }],
  [
    'qwen2, layer_types all full',
    { ...qwenWindow, layer_types: ['full_attention', 'full_attention', 'full_attention'] },
    { slidingWindow: null },
  ],
  [
    'qwen3',
    { model_type: 'qwen3', head_dim: 32 },
    { queryKeyNorm: true, attentionBias: false, headSize: 32 },
  ],
  [
    'phi3',
    { model_type: 'phi3', sliding_window: 16, rms_norm_eps: undefined },
    { family: 'phi3', slidingWindow: 16, normEpsilon: 1e-5 },
  ],
  [
    'a window in some blocks of qwen2',
    { ...qwenWindow, max_window_layers: 2 },
    { slidingWindow: 16, windowedBlocks: [false, false, true] },
  ],
  [
    'layer types of both kinds',
    { ...qwenWindow, layer_types: ['full_attention', 'sliding_attention', 'full_attention'] },
    { slidingWindow: 16, windowedBlocks: [false, true, false] },
  ],
  [
    'B42: rope_parameters of each kind of block',
    {
      rope_theta: undefined,
      rope_parameters: {
        full_attention: { rope_type: 'default', rope_theta: 7 },
        sliding_attention: { rope_type: 'default', rope_theta: 5 },
      },
    },
    { rope: { theta: 7, scaling: null } },
  ],
  [
    'dynamic scaling',
    { rope_scaling: { rope_type: 'dynamic', factor: 4 } },
    {
      contextLength: 2048,
      rope: { theta: 10_000, scaling: { type: 'dynamic', factor: 4, originalContextLength: 512 } },
    },
  ],
  ['a part of each head turns', { partial_rotary_factor: 0.5 }, { rope: { dimensions: 8 } }],
  [
    'biases',
    { attention_bias: true, mlp_bias: true },
    { attentionBias: true, outputBias: true, feedForwardBias: true },
  ],
  ['phi3, no window', { model_type: 'phi3', sliding_window: null }, { slidingWindow: null }],
  ['qwen3, head_dim left out', { model_type: 'qwen3' }, { headSize: 128 }],
])('%s', (_, change, expected) => {
  expect(parseConfig({ ...llama, ...change })).toMatchObject(expected)
})

test('the end tokens of generation_config.json and of config.json all end a generation', () => {
  expect(parseConfig(llama, { eos_token_id: [5, 6] }).eosTokenIds).toEqual([5, 6, 2])
  expect(parseConfig({ ...llama, eos_token_id: [128, 129] }, { eos_token_id: 128 }).eosTokenIds).toEqual([
    128, 129,
  ])
  expect(parseConfig(llama, { temperature: 1 }).eosTokenIds).toEqual([2])
})

test.each<[string, object, RegExp]>([
  ['family', { model_type: 'mamba' }, /model_type "mamba".*llama, ministral3, mistral/],
  ['no family', { model_type: undefined }, /there is no model_type/],
  ['activation', { hidden_act: 'gelu' }, /hidden_act is "gelu"/],
  ['mistral with bias', { model_type: 'mistral', attention_bias: true }, /attention_bias is true/],
  ['unknown scaling', { rope_scaling: { rope_type: 'mrope', factor: 4 } }, /rope type "mrope"/],
  ['scaling without a type', { rope_scaling: { factor: 4 } }, /rope type missing/],
  ['partial rotation', { model_type: 'mistral', partial_rotary_factor: 0.5 }, /partial_rotary_factor is 0.5/],
  ['interleaved rotation', { rope_interleaved: true }, /rope_interleaved is true/],
  ['soft caps', { final_logit_softcapping: 30 }, /final_logit_softcapping is 30/],
  ['quantised weights', { quantization_config: { quant_method: 'awq' } }, /already quantised \("awq"\)/],
  ['weights of MLX', { quantization: { group_size: 64, bits: 4 } }, /already quantised \("4 bits"\)/],
  [
    'B50: chunked attention',
    { dual_chunk_attention_config: { chunk_size: 8 } },
    /dual_chunk_attention_config is/,
  ],
  [
    'B50: linear attention',
    { model_type: 'qwen3', layer_types: ['linear_attention', 'full_attention', 'full_attention'] },
    /layer_types names "linear_attention"/,
  ],
])('refused as unsupported: %s', (_, change, message) => {
  expect(() => parseConfig({ ...llama, ...change })).toThrow(
    expect.objectContaining({ code: 'unsupported-model', message: expect.stringMatching(message) }),
  )
})

test.each<[string, object, RegExp]>([
  ['no hidden size', { hidden_size: undefined }, /hidden_size must be an integer.*missing/],
  ['fractional blocks', { num_hidden_layers: 2.5 }, /num_hidden_layers/],
  ['negative blocks', { num_hidden_layers: -1 }, /num_hidden_layers/],
  ['a million blocks', { num_hidden_layers: 1_000_000 }, /from 1 to 1024/],
  ['a number as text', { vocab_size: '320' }, /vocab_size.*"320"/],
  ['huge vocabulary', { vocab_size: 1e15 }, /vocab_size/],
  ['heads that do not divide', { num_key_value_heads: 3 }, /cannot share 3/],
  [
    'hidden size that heads do not divide',
    { num_attention_heads: 6, num_key_value_heads: 2 },
    /not a multiple/,
  ],
  ['odd head size', { head_dim: 15 }, /odd/],
  ['an epsilon that is a text', { rms_norm_eps: '1e-6' }, /normEpsilon/],
  ['theta zero', { rope_theta: 0 }, /theta/],
  [
    'theta not a number',
    { rope_theta: null, rope_scaling: { rope_type: 'linear', factor: 'two' } },
    /factor/,
  ],
  [
    'rope factors upside down',
    { rope_scaling: { ...llama3Rope, low_freq_factor: 4, high_freq_factor: 1 } },
    /must exceed/,
  ],
  [
    'yarn upside down',
    { rope_scaling: { type: 'yarn', factor: 4, beta_fast: 1, beta_slow: 2 } },
    /beta_fast 1 is less than/,
  ],
  ['yarn without a factor', { rope_scaling: { type: 'yarn' } }, /factor must be a number/],
  ['negative end token', { eos_token_id: -1 }, /special token id/],
  ['tie as text', { tie_word_embeddings: 'yes' }, /tiedEmbeddings/],
])('refused as broken: %s', (_, change, message) => {
  expect(() => parseConfig({ ...llama, ...change })).toThrow(
    expect.objectContaining({ code: 'bad-model', message: expect.stringMatching(message) }),
  )
})

test('what is not an object is refused', () => {
  for (const value of [null, 1, 'llama', []]) expect(() => parseConfig(value)).toThrow(/not a JSON object/)
  expect(() => parseConfig(Object.create(llama))).toThrow(/there is no model_type/)
})
