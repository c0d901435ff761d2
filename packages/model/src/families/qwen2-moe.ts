import type { CheckpointNames } from '../config/checkpoint-names.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { expertsBlock, readExperts } from '../config/experts.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { refuseQwenWindows } from '../config/windows.ts'
import { checkBoolean, fieldOf } from '../json-fields.ts'
import type { Family } from './family.ts'
import { qwenExpertNames } from './qwen3-moe.ts'

const checkpoint: CheckpointNames = {
  ...qwenExpertNames,
  block: {
    ...qwenExpertNames.block,
    'router.weight': ['mlp.gate.weight', 'mlp.shared_expert_gate.weight'],
    'shared-gate-up.weight': ['mlp.shared_expert.gate_proj.weight', 'mlp.shared_expert.up_proj.weight'],
    'shared-down.weight': ['mlp.shared_expert.down_proj.weight'],
  },
}

/** Qwen1.5-MoE and Qwen2-MoE (`Qwen2MoeForCausalLM`): the attention of Qwen2, and experts beside one that computes every row. */
export const qwen2Moe: Family = {
  name: 'qwen2_moe',
  parse(json, generation) {
    refuseUnsupported(json, 'qwen2_moe', {
      reads: ['attention_bias', 'num_experts', 'num_local_experts', 'qkv_bias'],
    })
    const dense = readDenseConfig(json, generation, {
      family: 'qwen2_moe',
      contextLengthDefault: 32_768,
      windows: refuseQwenWindows(json),
      attentionBias: checkBoolean(fieldOf(json, 'qkv_bias') ?? true, 'qkv_bias'),
      queryKeyNorm: false,
    })
    const experts = readExperts(json, {
      countKeys: ['num_experts', 'num_local_experts'],
      count: 60,
      activeCount: 4,
      sizeKey: 'moe_intermediate_size',
      size: 1408,
      normalised: null,
      sharedSize: 5632,
    })
    return { ...dense, experts }
  },
  block: expertsBlock,
  checkpoint,
  expertsIn: true,
  gguf: {
    architecture: 'qwen2moe',
    interleaved: false,
    keys: ['expert_shared_feed_forward_length'],
    // llama.cpp does not normalise the weights of the chosen experts.
    fields: (number) => ({
      norm_topk_prob: false,
      shared_expert_intermediate_size: number('expert_shared_feed_forward_length'),
    }),
  },
}
