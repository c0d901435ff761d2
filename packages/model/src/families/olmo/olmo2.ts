import type { BlockSpec } from '../../config/block-spec.ts'
import { normsAfterNames } from '../../config/checkpoint-names.ts'
import { denseBlock } from '../../config/dense-block.ts'
import { readDenseConfig } from '../../config/dense-config.ts'
import type { ModelConfig } from '../../config/model-config.ts'
import { refuseUnsupported } from '../../config/refusals.ts'
import { isSet } from '../../json-fields.ts'
import type { Family } from '../family.ts'

/** A block that normalises branches only, and q and k over all heads at once. */
export function olmoBlock(config: ModelConfig, index: number): BlockSpec {
  const block = denseBlock(config, index)
  return { ...block, normPlaces: 'after', attention: { ...block.attention, queryKeyNorm: 'all-heads' } }
}

/** OLMo 2 (`Olmo2ForCausalLM`): Llama with norms behind both halves of a block, and q and k normalised over all heads. */
export const olmo2: Family = {
  name: 'olmo2',
  parse(json, generation) {
    refuseUnsupported(json, 'olmo2', { reads: ['attention_bias'] })
    const attentionBias = isSet(json, 'attention_bias')
    return readDenseConfig(json, generation, {
      family: 'olmo2',
      keyValueHeadsDefault: 'headCount',
      contextLengthDefault: 2048,
      normEpsilonDefault: 1e-5,
      windows: { slidingWindow: null },
      attentionBias,
      queryKeyNorm: true,
      options: { outputBias: attentionBias },
    })
  },
  block: olmoBlock,
  checkpoint: normsAfterNames,
}
