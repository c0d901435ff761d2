import { llamaNames, type CheckpointNames } from '../config/checkpoint-names.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { expertsBlock, readExperts } from '../config/experts.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { readWindows } from '../config/windows.ts'
import { checkBoolean, checkNumber, fieldOf, type JsonObject } from '../json-fields.ts'
import type { Family } from './family.ts'

/** The names that `stackedExperts` gives the tensors of single experts, of which the checkpoint has one for all. */
const checkpoint: CheckpointNames = {
  ...llamaNames,
  block: {
    ...llamaNames.block,
    sinks: ['self_attn.sinks'],
    'router.weight': ['mlp.router.weight'],
    'router.bias': ['mlp.router.bias'],
  },
  expert: (index) => ({
    'gate-up.weight': [`mlp.experts.${index}.gate_proj.weight`, `mlp.experts.${index}.up_proj.weight`],
    'gate-up.bias': [`mlp.experts.${index}.gate_proj.bias`, `mlp.experts.${index}.up_proj.bias`],
    'down.weight': [`mlp.experts.${index}.down_proj.weight`],
    'down.bias': [`mlp.experts.${index}.down_proj.bias`],
  }),
  expertsAreStacked: true,
}

/** gpt-oss (`GptOssForCausalLM`): attention sinks, a window in every other block, and experts with biases. */
export const gptOss: Family = {
  name: 'gpt_oss',
  parse(json, generation) {
    refuseUnsupported(json, 'gpt_oss', { reads: ['attention_bias', 'num_local_experts', 'swiglu_limit'] })
    const attentionBias = checkBoolean(fieldOf(json, 'attention_bias') ?? true, 'attention_bias')
    const dense = readDenseConfig(json, generation, {
      family: 'gpt_oss',
      keyValueHeadsDefault: 8,
      headSizeDefault: 64,
      normEpsilonDefault: 1e-5,
      thetaDefault: 150_000,
      contextLengthDefault: 131_072,
      windows: readWindows(json, fieldOf(json, 'sliding_window') ?? 128, (index) => index % 2 === 0),
      attentionBias,
      queryKeyNorm: false,
      options: { outputBias: attentionBias, attentionSinks: true },
    })
    const experts = readExperts(json, {
      countKeys: ['num_local_experts'],
      count: 128,
      activeCount: 4,
      sizeKey: 'intermediate_size',
      size: 2880,
      normalised: true,
      sharedSize: null,
    })
    const gateBound = checkNumber(fieldOf(json, 'swiglu_limit') ?? 7, 'swiglu_limit', 0, 1e6)
    return { ...dense, experts: { ...experts, biased: true, gateBound } }
  },
  block: expertsBlock,
  checkpoint,
  expertsIn: true,
  gguf: {
    architecture: 'gpt-oss',
    interleaved: false,
    keys: ['rope.scaling.yarn_beta_fast', 'rope.scaling.yarn_beta_slow'],
    endings: { 'feed-forward-norm': ['post_attention_norm.weight'] },
    fields: (number) => ({
      sliding_window: number('attention.sliding_window'),
      intermediate_size: number('expert_feed_forward_length'),
      rope_scaling: ggufRopeScaling(number),
    }),
  },
}

/** The published models do not round the bounds of YaRN, which files do not say. */
function ggufRopeScaling(number: (key: string) => number | undefined): JsonObject | null {
  const factor = number('rope.scaling.factor')
  if (factor === undefined) return null
  return {
    rope_type: 'yarn',
    factor,
    original_max_position_embeddings: number('rope.scaling.original_context_length') ?? null,
    beta_fast: number('rope.scaling.yarn_beta_fast') ?? null,
    beta_slow: number('rope.scaling.yarn_beta_slow') ?? null,
    truncate: false,
  }
}
