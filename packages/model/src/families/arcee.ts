import { llamaNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { isSet } from '../json-fields.ts'
import type { Family } from './family.ts'

/** Arcee's AFM (`ArceeForCausalLM`): Llama with a feed-forward network of squared ReLU without a gate. */
export const arcee: Family = {
  name: 'arcee',
  parse(json, generation) {
    refuseUnsupported(json, 'arcee', {
      reads: ['attention_bias', 'mlp_bias'],
      activation: 'relu-squared',
    })
    const attentionBias = isSet(json, 'attention_bias')
    return readDenseConfig(json, generation, {
      family: 'arcee',
      keyValueHeadsDefault: 'headCount',
      contextLengthDefault: 4096,
      normEpsilonDefault: 1e-5,
      windows: { slidingWindow: null },
      attentionBias,
      queryKeyNorm: false,
      options: { outputBias: attentionBias, feedForwardBias: isSet(json, 'mlp_bias') },
    })
  },
  block(config, index) {
    const block = denseBlock(config, index)
    return { ...block, feedForward: { ...block.feedForward, activation: 'relu-squared', gated: false } }
  },
  checkpoint: llamaNames,
}
