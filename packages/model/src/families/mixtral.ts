import { llamaNames, type CheckpointNames } from '../config/checkpoint-names.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { expertsBlock, readExperts } from '../config/experts.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { readWindows, withoutIdleWindow } from '../config/windows.ts'
import { fieldOf } from '../json-fields.ts'
import type { Family } from './family.ts'

const checkpoint: CheckpointNames = {
  ...llamaNames,
  block: { ...llamaNames.block, 'router.weight': ['block_sparse_moe.gate.weight'] },
  // w1 is the gate, w3 goes up, w2 down.
  expert: (index) => ({
    'gate-up.weight': [
      `block_sparse_moe.experts.${index}.w1.weight`,
      `block_sparse_moe.experts.${index}.w3.weight`,
    ],
    'down.weight': [`block_sparse_moe.experts.${index}.w2.weight`],
  }),
}

/** Mixtral (`MixtralForCausalLM`): Mistral with experts in every block. */
export const mixtral: Family = {
  name: 'mixtral',
  parse(json, generation) {
    refuseUnsupported(json, 'mixtral', { reads: ['num_local_experts'] })
    const dense = readDenseConfig(json, generation, {
      family: 'mixtral',
      keyValueHeadsDefault: 8,
      normEpsilonDefault: 1e-5,
      thetaDefault: 1_000_000,
      contextLengthDefault: 131_072,
      windows: withoutIdleWindow(json, readWindows(json, fieldOf(json, 'sliding_window'))),
      attentionBias: false,
      queryKeyNorm: false,
    })
    const experts = readExperts(json, {
      countKeys: ['num_local_experts'],
      count: 8,
      activeCount: 2,
      sizeKey: 'intermediate_size',
      size: 14_336,
      normalised: true,
      sharedSize: null,
    })
    return { ...dense, experts }
  },
  block: expertsBlock,
  checkpoint,
  expertsIn: true,
  gguf: { architecture: 'llama', interleaved: true },
}
