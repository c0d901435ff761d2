import { llamaNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { isSet } from '../json-fields.ts'
import type { Family } from './family.ts'

/** ERNIE 4.5, dense models (`Ernie4_5ForCausalLM`): Llama that turns neighbouring channels. */
export const ernie: Family = {
  name: 'ernie4_5',
  parse(json, generation) {
    refuseUnsupported(json, 'ernie4_5', { reads: ['use_bias'] })
    const bias = isSet(json, 'use_bias')
    return readDenseConfig(json, generation, {
      family: 'ernie4_5',
      keyValueHeadsDefault: 2,
      headSizeDefault: 128,
      contextLengthDefault: 131_072,
      normEpsilonDefault: 1e-5,
      thetaDefault: 500_000,
      tiedDefault: true,
      windows: { slidingWindow: null },
      attentionBias: bias,
      queryKeyNorm: false,
      options: { outputBias: bias, feedForwardBias: bias },
    })
  },
  block(config, index) {
    const block = denseBlock(config, index)
    return { ...block, attention: { ...block.attention, rotatedPairs: 'neighbours' } }
  },
  checkpoint: llamaNames,
}
