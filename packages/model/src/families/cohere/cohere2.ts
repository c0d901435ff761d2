import { llamaNames } from '../../config/checkpoint-names.ts'
import { readDenseConfig } from '../../config/dense-config.ts'
import { refuseUnsupported } from '../../config/refusals.ts'
import { lastOfEach, readWindows } from '../../config/windows.ts'
import { fieldOf, isSet } from '../../json-fields.ts'
import type { Family } from '../family.ts'
import { cohereBlock, logitScaleOf } from './cohere.ts'

/** `Cohere2Config` of transformers, for configs without the keys. */
const windowDefault = 4096
const patternDefault = 4

/**
 * Command R7B and A (`Cohere2ForCausalLM`): Cohere with a window in three blocks of four; the fourth has no position
 * embedding.
 */
export const cohere2: Family = {
  name: 'cohere2',
  parse(json, generation) {
    refuseUnsupported(json, 'cohere2', { reads: ['attention_bias', 'logit_scale'] })
    const attentionBias = isSet(json, 'attention_bias')
    const window = fieldOf(json, 'sliding_window')
    const pattern = fieldOf(json, 'sliding_window_pattern') ?? patternDefault
    const isGlobal = lastOfEach(pattern, 'sliding_window_pattern')
    const windows = readWindows(
      json,
      window === undefined ? windowDefault : window,
      (index) => !isGlobal(index),
    )
    const { windowedBlocks } = windows
    return readDenseConfig(json, generation, {
      family: 'cohere2',
      keyValueHeadsDefault: 'headCount',
      contextLengthDefault: 8192,
      normEpsilonKey: 'layer_norm_eps',
      normEpsilonDefault: 1e-5,
      tiedDefault: true,
      windows,
      attentionBias,
      queryKeyNorm: false,
      options: {
        outputBias: attentionBias,
        logitScale: logitScaleOf(json),
        ...(windowedBlocks === undefined ? {} : { rotatedBlocks: windowedBlocks }),
      },
    })
  },
  block: cohereBlock,
  checkpoint: llamaNames,
}
