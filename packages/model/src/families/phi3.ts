import { llamaNames, type CheckpointNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { readWindows, withoutIdleWindow } from '../config/windows.ts'
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

/** Phi-3, Phi-3.5 and Phi-4 (`Phi3ForCausalLM`): Llama with fused matrices and a sliding window, and LongRoPE for long contexts. */
export const phi3: Family = {
  name: 'phi3',
  parse(json, generation) {
    refuseUnsupported(json, 'phi3', { reads: ['partial_rotary_factor'] })
    return readDenseConfig(json, generation, {
      family: 'phi3',
      keyValueHeadsDefault: 'headCount',
      contextLengthDefault: 4096,
      normEpsilonDefault: 1e-5,
      windows: withoutIdleWindow(json, readWindows(json, fieldOf(json, 'sliding_window'))),
      attentionBias: false,
      queryKeyNorm: false,
    })
  },
  block: denseBlock,
  checkpoint,
}
