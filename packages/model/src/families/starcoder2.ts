import { llamaNames, type CheckpointNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { readWindows, withoutIdleWindow } from '../config/windows.ts'
import { fieldOf, isSet } from '../json-fields.ts'
import type { Family } from './family.ts'

const checkpoint: CheckpointNames = {
  ...llamaNames,
  block: {
    ...llamaNames.block,
    'up.weight': ['mlp.c_fc.weight'],
    'up.bias': ['mlp.c_fc.bias'],
    'down.weight': ['mlp.c_proj.weight'],
    'down.bias': ['mlp.c_proj.bias'],
  },
}

/** StarCoder2 (`Starcoder2ForCausalLM`): LayerNorm and biases everywhere, and a feed-forward network of GELU without a gate. */
export const starcoder2: Family = {
  name: 'starcoder2',
  parse(json, generation) {
    refuseUnsupported(json, 'starcoder2', { reads: ['use_bias'], activation: 'gelu-tanh' })
    const bias = isSet(json, 'use_bias', true)
    return readDenseConfig(json, generation, {
      family: 'starcoder2',
      keyValueHeadsDefault: 2,
      contextLengthDefault: 4096,
      normEpsilonKey: 'norm_epsilon',
      normEpsilonDefault: 1e-5,
      tiedDefault: true,
      windows: withoutIdleWindow(json, readWindows(json, fieldOf(json, 'sliding_window'))),
      attentionBias: bias,
      queryKeyNorm: false,
      options: { outputBias: bias, feedForwardBias: bias },
    })
  },
  block(config, index) {
    const block = denseBlock(config, index)
    return {
      ...block,
      norm: 'biased-layer',
      feedForward: { ...block.feedForward, activation: 'gelu-tanh', gated: false },
    }
  },
  checkpoint,
}
