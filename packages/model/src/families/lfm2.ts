import { llamaNames, type CheckpointNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { ModelError } from '../error.ts'
import { checkInteger, checkNumber, fieldOf, isSet, show, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'
import type { Family } from './family.ts'

const checkpoint: CheckpointNames = {
  ...llamaNames,
  finalNorm: 'model.embedding_norm.weight',
  block: {
    ...llamaNames.block,
    'attention-norm': ['operator_norm.weight'],
    'qkv.weight': ['self_attn.q_proj.weight', 'self_attn.k_proj.weight', 'self_attn.v_proj.weight'],
    'query-norm': ['self_attn.q_layernorm.weight'],
    'key-norm': ['self_attn.k_layernorm.weight'],
    'output.weight': ['self_attn.out_proj.weight'],
    'feed-forward-norm': ['ffn_norm.weight'],
    'gate-up.weight': ['feed_forward.w1.weight', 'feed_forward.w3.weight'],
    'down.weight': ['feed_forward.w2.weight'],
  },
  convolution: {
    'qkv.weight': ['conv.in_proj.weight'],
    'convolution.weight': ['conv.conv.weight'],
    'output.weight': ['conv.out_proj.weight'],
  },
}

/** LFM2 (`Lfm2ForCausalLM`): most blocks have a short gated convolution in place of attention. */
export const lfm2: Family = {
  name: 'lfm2',
  parse(json, generation) {
    refuseUnsupported(json, 'lfm2', { layers: ['conv'] })
    if (isSet(json, 'conv_bias'))
      throw new ModelError(
        'unsupported-model',
        'this lfm2 model cannot be run: conv_bias is true, which would change its numbers and is not implemented',
      )
    const dense = readDenseConfig(
      {
        ...json,
        intermediate_size: feedForwardSize(json),
        tie_word_embeddings: fieldOf(json, 'tie_embedding') ?? fieldOf(json, 'tie_word_embeddings'),
      },
      generation,
      {
        family: 'lfm2',
        keyValueHeadsDefault: 8,
        contextLengthDefault: 128_000,
        normEpsilonKey: 'norm_eps',
        normEpsilonDefault: 1e-5,
        thetaDefault: 1e6,
        tiedDefault: true,
        windows: { slidingWindow: null },
        attentionBias: false,
        queryKeyNorm: true,
      },
    )
    return {
      ...dense,
      convolutionTaps: checkInteger(
        fieldOf(json, 'conv_L_cache') ?? 3,
        'conv_L_cache',
        1,
        limits.convolutionTapsMax,
      ),
      convolutionBlocks: convolutionBlocks(json),
    }
  },
  block: denseBlock,
  checkpoint,
}

/** Named one by one, or by the indices of the others. */
function convolutionBlocks(json: JsonObject): boolean[] {
  const count = checkInteger(fieldOf(json, 'num_hidden_layers'), 'num_hidden_layers', 1, limits.blockCountMax)
  const types = fieldOf(json, 'layer_types') ?? null
  if (Array.isArray(types)) return types.map((type) => type === 'conv')
  const attending = fieldOf(json, 'full_attn_idxs') ?? Array.from({ length: count }, (_, index) => index)
  if (!Array.isArray(attending))
    throw new ModelError('bad-model', `full_attn_idxs must be a list, not ${show(attending)}`)
  return Array.from({ length: count }, (_, index) => !attending.includes(index))
}

/** `Lfm2MLP` of transformers: two thirds of the size that is named, times a factor, rounded up. */
function feedForwardSize(json: JsonObject): unknown {
  const named = fieldOf(json, 'block_ff_dim') ?? fieldOf(json, 'intermediate_size') ?? 12_288
  if (fieldOf(json, 'block_auto_adjust_ff_dim') === false) return named
  const size = checkInteger(named, 'block_ff_dim', 1, limits.feedForwardSizeMax)
  const multiple = checkInteger(
    fieldOf(json, 'block_multiple_of') ?? 256,
    'block_multiple_of',
    1,
    limits.feedForwardSizeMax,
  )
  const factor = checkNumber(
    fieldOf(json, 'block_ffn_dim_multiplier') ?? 1,
    'block_ffn_dim_multiplier',
    0,
    100,
  )
  return multiple * Math.ceil(Math.trunc(factor * Math.trunc((2 * size) / 3)) / multiple)
}
