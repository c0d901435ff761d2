import type { BlockSpec } from '../../config/block-spec.ts'
import { llamaNames, type CheckpointNames } from '../../config/checkpoint-names.ts'
import { denseBlock } from '../../config/dense-block.ts'
import { readDenseConfig } from '../../config/dense-config.ts'
import type { ModelConfig } from '../../config/model-config.ts'
import { refuseUnsupported } from '../../config/refusals.ts'
import { isSet, type JsonObject } from '../../json-fields.ts'
import type { Family } from '../family.ts'

/** Its checkpoints store gate and up as one matrix. */
const glmNames: CheckpointNames = {
  ...llamaNames,
  block: { ...llamaNames.block, 'gate-up.weight': ['mlp.gate_up_proj.weight'] },
}

/** `partial_rotary_factor` of `GlmConfig` and `Glm4Config`, for configs without the key. */
const rotatedDefault = 0.5

function parseGlm(json: JsonObject, generation: JsonObject, family: string): unknown {
  refuseUnsupported(json, family, { reads: ['attention_bias', 'partial_rotary_factor'] })
  return readDenseConfig({ partial_rotary_factor: rotatedDefault, ...json }, generation, {
    family,
    keyValueHeadsDefault: 2,
    headSizeDefault: 128,
    contextLengthDefault: 131_072,
    normEpsilonDefault: 1.5625e-7,
    windows: { slidingWindow: null },
    // The key names biases of q, k and v only.
    attentionBias: isSet(json, 'attention_bias'),
    queryKeyNorm: false,
  })
}

function glmBlock(config: ModelConfig, index: number): BlockSpec {
  const block = denseBlock(config, index)
  return { ...block, attention: { ...block.attention, rotatedPairs: 'neighbours' } }
}

/** GLM (`GlmForCausalLM`): Llama that turns neighbouring channels in the first half of each head. */
export const glm: Family = {
  name: 'glm',
  parse: (json, generation) => parseGlm(json, generation, 'glm'),
  block: glmBlock,
  checkpoint: glmNames,
}

/** GLM-4 of 2025 (`Glm4ForCausalLM`): GLM with norms around both halves of a block. */
export const glm4: Family = {
  name: 'glm4',
  parse: (json, generation) => parseGlm(json, generation, 'glm4'),
  block: (config, index) => ({ ...glmBlock(config, index), normPlaces: 'around' }),
  checkpoint: {
    ...glmNames,
    block: {
      ...glmNames.block,
      'attention-post-norm': ['post_self_attn_layernorm.weight'],
      'feed-forward-post-norm': ['post_mlp_layernorm.weight'],
    },
  },
}
