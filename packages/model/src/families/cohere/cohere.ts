import type { BlockSpec } from '../../config/block-spec.ts'
import { llamaNames } from '../../config/checkpoint-names.ts'
import { denseBlock } from '../../config/dense-block.ts'
import { readDenseConfig } from '../../config/dense-config.ts'
import type { ModelConfig } from '../../config/model-config.ts'
import { refuseUnsupported } from '../../config/refusals.ts'
import { checkNumber, fieldOf, isSet, type JsonObject } from '../../json-fields.ts'
import type { Family } from '../family.ts'

/** `logit_scale` of `CohereConfig`, for configs without the key. */
const logitScaleDefault = 0.0625

export function logitScaleOf(json: JsonObject): number {
  return checkNumber(fieldOf(json, 'logit_scale') ?? logitScaleDefault, 'logit_scale', 1e-6, 1e6)
}

/** Attention and feed-forward network side by side behind one LayerNorm; neighbouring channels turn. */
export function cohereBlock(config: ModelConfig, index: number): BlockSpec {
  const block = denseBlock(config, index)
  return {
    ...block,
    norm: 'layer',
    normPlaces: 'shared',
    attention: {
      ...block.attention,
      rotatedPairs: 'neighbours',
      queryKeyNorm: config.queryKeyNorm ? 'layer-of-head' : null,
    },
  }
}

/** Command R (`CohereForCausalLM`): parallel halves, LayerNorm, and scaled logits. */
export const cohere: Family = {
  name: 'cohere',
  parse(json, generation) {
    refuseUnsupported(json, 'cohere', { reads: ['attention_bias', 'use_qk_norm', 'logit_scale'] })
    const attentionBias = isSet(json, 'attention_bias')
    return readDenseConfig(json, generation, {
      family: 'cohere',
      keyValueHeadsDefault: 'headCount',
      contextLengthDefault: 8192,
      normEpsilonKey: 'layer_norm_eps',
      normEpsilonDefault: 1e-5,
      tiedDefault: true,
      windows: { slidingWindow: null },
      attentionBias,
      queryKeyNorm: isSet(json, 'use_qk_norm'),
      options: { outputBias: attentionBias, logitScale: logitScaleOf(json) },
    })
  },
  block: cohereBlock,
  checkpoint: llamaNames,
}
