import { denseBlock } from '../../config/dense-block.ts'
import { readDenseConfig } from '../../config/dense-config.ts'
import type { Family } from '../family.ts'
import { gemmaChoices, gemmaNames, refuseUnsupportedGemma } from './gemma-config.ts'

/** Gemma 1 (`GemmaForCausalLM`): a scaled embedding, norm weights stored less one, and GELU in place of SiLU. */
export const gemma: Family = {
  name: 'gemma',
  parse(json, generation) {
    refuseUnsupportedGemma(json, 'gemma')
    return readDenseConfig(json, generation, {
      ...gemmaChoices(json),
      family: 'gemma',
      keyValueHeadsDefault: 16,
      contextLengthDefault: 8192,
      windows: { slidingWindow: null },
      queryKeyNorm: false,
    })
  },
  block(config, index) {
    const block = denseBlock(config, index)
    return { ...block, feedForward: { ...block.feedForward, activation: 'gelu-tanh' } }
  },
  checkpoint: gemmaNames,
}
