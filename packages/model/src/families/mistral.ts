import { llamaNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { readWindows, withoutIdleWindow } from '../config/windows.ts'
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
      keyValueHeadsDefault: 8,
      contextLengthDefault: 131_072,
      windows: withoutIdleWindow(json, readWindows(json, window === undefined ? windowDefault : window)),
      attentionBias: false,
      queryKeyNorm: false,
    })
  },
  block: denseBlock,
  checkpoint: llamaNames,
}

/** Ministral 3 (`Ministral3ForCausalLM`): Mistral with YaRN, whose queries grow with their position. */
export const ministral3: Family = {
  name: 'ministral3',
  parse(json, generation) {
    refuseUnsupported(json, 'ministral3')
    return readDenseConfig(json, generation, {
      family: 'ministral3',
      keyValueHeadsDefault: 8,
      headSizeDefault: 128,
      contextLengthDefault: 262_144,
      normEpsilonDefault: 1e-5,
      thetaDefault: 1_000_000,
      windows: withoutIdleWindow(json, readWindows(json, fieldOf(json, 'sliding_window'))),
      attentionBias: false,
      queryKeyNorm: false,
    })
  },
  block: denseBlock,
  checkpoint: llamaNames,
}
