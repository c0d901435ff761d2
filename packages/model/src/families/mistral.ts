import { llamaNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { readWindow } from '../config/windows.ts'
import { fieldOf } from '../json-fields.ts'
import type { Family } from './family.ts'

/** `MistralConfig.sliding_window` of transformers, for configs without the key; null in a config means no window. */
const windowDefault = 4096

/** Mistral 7B and its successors (`MistralForCausalLM`): Llama with an optional sliding window in all blocks. */
export const mistral: Family = {
  name: 'mistral',
  parse(json, generation) {
    refuseUnsupported(json, 'mistral')
    const window = fieldOf(json, 'sliding_window')
    return readDenseConfig(json, generation, {
      family: 'mistral',
      contextLengthDefault: 131_072,
      slidingWindow: readWindow(json, window === undefined ? windowDefault : window),
      attentionBias: false,
      queryKeyNorm: false,
    })
  },
  block: denseBlock,
  checkpoint: llamaNames,
}
