import { denseBlock } from '../../config/dense-block.ts'
import { readDenseConfig } from '../../config/dense-config.ts'
import { readWindows } from '../../config/windows.ts'
import { fieldOf } from '../../json-fields.ts'
import type { Family } from '../family.ts'
import {
  cappedOptions,
  gemma2Names,
  gemmaChoices,
  gemmaFields,
  gemmaKeys,
  scoreDivisorOf,
  refuseUnsupportedGemma,
} from './gemma-config.ts'

/** `Gemma2Config.sliding_window` of transformers, for configs without the key. */
const windowDefault = 4096

/** Gemma 2 (`Gemma2ForCausalLM`): norms around both halves of a block, soft caps, and a window in every other block. */
export const gemma2: Family = {
  name: 'gemma2',
  parse(json, generation) {
    refuseUnsupportedGemma(json, 'gemma2', ['attn_logit_softcapping', 'final_logit_softcapping'])
    const window = fieldOf(json, 'sliding_window')
    const choices = gemmaChoices(json)
    return readDenseConfig(json, generation, {
      ...choices,
      family: 'gemma2',
      keyValueHeadsDefault: 4,
      contextLengthDefault: 8192,
      windows: readWindows(json, window === undefined ? windowDefault : window, (index) => index % 2 === 0),
      queryKeyNorm: false,
      scoreDivisor: scoreDivisorOf(json),
      options: { ...choices.options, ...cappedOptions(json, { attention: 50, logits: 30 }) },
    })
  },
  block(config, index) {
    const block = denseBlock(config, index)
    return {
      ...block,
      normPlaces: 'around',
      feedForward: { ...block.feedForward, activation: 'gelu-tanh' },
    }
  },
  checkpoint: gemma2Names,
  gguf: {
    architecture: 'gemma2',
    interleaved: false,
    keys: gemmaKeys,
    fields: (number) => gemmaFields(number, 46),
  },
}
