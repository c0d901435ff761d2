import { llamaNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { isSet } from '../json-fields.ts'
import type { Family } from './family.ts'

/** Llama 1 to 3 (`LlamaForCausalLM` of transformers), and the models that were published in its form. */
export const llama: Family = {
  name: 'llama',
  parse(json, generation) {
    refuseUnsupported(json, 'llama', { reads: ['attention_bias', 'mlp_bias', 'partial_rotary_factor'] })
    const attentionBias = isSet(json, 'attention_bias')
    return readDenseConfig(json, generation, {
      family: 'llama',
      // Files of Llama 1 and early Llama 2 have no such key.
      keyValueHeadsDefault: 'headCount',
      contextLengthDefault: 2048,
      // The reference code knows no window; a `sliding_window` in a config has no effect there either.
      windows: { slidingWindow: null },
      attentionBias,
      queryKeyNorm: false,
      options: { outputBias: attentionBias, feedForwardBias: isSet(json, 'mlp_bias') },
    })
  },
  block: denseBlock,
  checkpoint: llamaNames,
  // Mistral's files name this architecture too.
  gguf: { architecture: 'llama', interleaved: true },
}
