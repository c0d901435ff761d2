import { llamaNames, type CheckpointNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { readWindow } from '../config/windows.ts'
import { fieldOf } from '../json-fields.ts'
import type { Family } from './family.ts'

/** Its checkpoints store q, k and v as one matrix, and gate and up as another. */
const checkpoint: CheckpointNames = {
  ...llamaNames,
  block: {
    ...llamaNames.block,
    'qkv.weight': ['self_attn.qkv_proj.weight'],
    'gate-up.weight': ['mlp.gate_up_proj.weight'],
  },
}

/** `Phi3Config.rms_norm_eps` of transformers. */
const normEpsilonDefault = 1e-5

/**
 * Phi-3 and Phi-4 (`Phi3ForCausalLM`): Llama with fused matrices and a sliding window. Files for long contexts (`longrope`)
 * and those that rotate a part of each head (Phi-4-mini) are refused by these names.
 */
export const phi3: Family = {
  name: 'phi3',
  parse(json, generation) {
    refuseUnsupported(json, 'phi3')
    const normEpsilon = fieldOf(json, 'rms_norm_eps') ?? normEpsilonDefault
    return readDenseConfig({ ...json, rms_norm_eps: normEpsilon }, generation, {
      family: 'phi3',
      keyValueHeadsDefault: 'headCount',
      contextLengthDefault: 4096,
      slidingWindow: readWindow(json, fieldOf(json, 'sliding_window')),
      attentionBias: false,
      queryKeyNorm: false,
    })
  },
  block: denseBlock,
  checkpoint,
}
