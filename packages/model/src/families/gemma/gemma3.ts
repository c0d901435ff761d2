import { denseBlock } from '../../config/dense-block.ts'
import { readDenseConfig } from '../../config/dense-config.ts'
import { lastOfEach, readWindows } from '../../config/windows.ts'
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

/** `Gemma3TextConfig.sliding_window` of transformers, for configs without the key. */
const windowDefault = 4096
/** One block in so many sees the whole context. */
const patternDefault = 6
/** `rope_local_base_freq`: blocks with a window turn by this base, without scaling. */
const localThetaDefault = 10_000

/**
 * Gemma 3 (`Gemma3ForCausalLM`, and the language model of `Gemma3ForConditionalGeneration`): Gemma 2 with normalised heads in
 * place of soft caps, five blocks with a window for each without, and a rotary base for either kind.
 */
export const gemma3: Family = {
  name: 'gemma3_text',
  parse(json, generation) {
    refuseUnsupportedGemma(json, 'gemma3_text', ['attn_logit_softcapping', 'final_logit_softcapping'])
    const window = fieldOf(json, 'sliding_window')
    const pattern = fieldOf(json, 'sliding_window_pattern') ?? fieldOf(json, '_sliding_window_pattern')
    const isGlobal = lastOfEach(pattern ?? patternDefault, 'sliding_window_pattern')
    const choices = gemmaChoices(json)
    return readDenseConfig(json, generation, {
      ...choices,
      family: 'gemma3_text',
      keyValueHeadsDefault: 4,
      contextLengthDefault: 131_072,
      thetaDefault: 1_000_000,
      windows: readWindows(json, window === undefined ? windowDefault : window, (index) => !isGlobal(index)),
      windowedRope: {
        theta: fieldOf(json, 'rope_local_base_freq') ?? localThetaDefault,
        scaling: null,
      },
      queryKeyNorm: true,
      scoreDivisor: scoreDivisorOf(json),
      options: { ...choices.options, ...cappedOptions(json, { attention: null, logits: null }) },
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
    architecture: 'gemma3',
    interleaved: false,
    keys: gemmaKeys,
    fields: (number) => gemmaFields(number, 62),
  },
}
