import { llamaNames, type CheckpointNames } from '../config/checkpoint-names.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { expertsBlock, readExperts } from '../config/experts.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { refuseQwenWindows } from '../config/windows.ts'
import type { Family } from './family.ts'

/** The names of Qwen's mixtures of experts. */
export const qwenExpertNames: CheckpointNames = {
  ...llamaNames,
  block: { ...llamaNames.block, 'router.weight': ['mlp.gate.weight'] },
  expert: (index) => ({
    'gate-up.weight': [`mlp.experts.${index}.gate_proj.weight`, `mlp.experts.${index}.up_proj.weight`],
    'down.weight': [`mlp.experts.${index}.down_proj.weight`],
  }),
}

/** Qwen3, mixtures of experts (`Qwen3MoeForCausalLM`): the attention of Qwen3, and blocks of either kind. */
export const qwen3Moe: Family = {
  name: 'qwen3_moe',
  parse(json, generation) {
    refuseUnsupported(json, 'qwen3_moe', { reads: ['num_experts', 'num_local_experts'] })
    const dense = readDenseConfig(json, generation, {
      family: 'qwen3_moe',
      contextLengthDefault: 32_768,
      windows: refuseQwenWindows(json),
      attentionBias: false,
      queryKeyNorm: true,
    })
    const experts = readExperts(json, {
      countKeys: ['num_experts', 'num_local_experts'],
      count: 128,
      activeCount: 8,
      sizeKey: 'moe_intermediate_size',
      size: 768,
      normalised: null,
      sharedSize: null,
    })
    return { ...dense, experts }
  },
  block: expertsBlock,
  checkpoint: qwenExpertNames,
  expertsIn: true,
  // llama.cpp normalises the weights of the chosen experts, whatever the model's config.json said.
  gguf: { architecture: 'qwen3moe', interleaved: false, fields: () => ({ norm_topk_prob: true }) },
}
