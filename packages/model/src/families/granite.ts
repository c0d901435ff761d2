import { llamaNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { checkNumber, fieldOf, isSet } from '../json-fields.ts'
import type { Family } from './family.ts'

/** Granite 3, dense models (`GraniteForCausalLM`): Llama with four multipliers. */
export const granite: Family = {
  name: 'granite',
  parse(json, generation) {
    refuseUnsupported(json, 'granite', {
      reads: [
        'attention_bias',
        'mlp_bias',
        'embedding_multiplier',
        'residual_multiplier',
        'attention_multiplier',
        'logits_scaling',
      ],
    })
    const attentionBias = isSet(json, 'attention_bias')
    const factor = (key: string): number => checkNumber(fieldOf(json, key) ?? 1, key, 1e-6, 1e6)
    return readDenseConfig(json, generation, {
      family: 'granite',
      keyValueHeadsDefault: 'headCount',
      contextLengthDefault: 2048,
      windows: { slidingWindow: null },
      attentionBias,
      queryKeyNorm: false,
      options: {
        outputBias: attentionBias,
        feedForwardBias: isSet(json, 'mlp_bias'),
        embeddingScale: factor('embedding_multiplier'),
        branchScale: factor('residual_multiplier'),
        logitScale: 1 / factor('logits_scaling'),
      },
      // Unlike the other options, a factor of one changes something: the root of the head size is not used.
      scoreDivisor: 1 / factor('attention_multiplier'),
    })
  },
  block: denseBlock,
  checkpoint: llamaNames,
}
