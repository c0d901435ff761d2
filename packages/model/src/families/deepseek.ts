import type { BlockSpec, GroupedRouting } from '../config/block-spec.ts'
import { llamaNames, type CheckpointNames } from '../config/checkpoint-names.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { expertsBlock } from '../config/experts.ts'
import type { ModelConfig } from '../config/model-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { ModelError } from '../error.ts'
import {
  asObject,
  checkBoolean,
  checkInteger,
  checkNumber,
  fieldOf,
  show,
  type JsonObject,
} from '../json-fields.ts'
import { limits } from '../limits.ts'
import type { Family } from './family.ts'

const checkpoint: CheckpointNames = {
  ...llamaNames,
  block: {
    ...llamaNames.block,
    'query.weight': ['self_attn.q_proj.weight'],
    'query-down.weight': ['self_attn.q_a_proj.weight'],
    'query-down-norm': ['self_attn.q_a_layernorm.weight'],
    'query-up.weight': ['self_attn.q_b_proj.weight'],
    'key-value-down.weight': ['self_attn.kv_a_proj_with_mqa.weight'],
    'key-value-down-norm': ['self_attn.kv_a_layernorm.weight'],
    'key-value-up.weight': ['self_attn.kv_b_proj.weight'],
    'router.weight': ['mlp.gate.weight'],
    'router.correction': ['mlp.gate.e_score_correction_bias'],
    'shared-gate-up.weight': ['mlp.shared_experts.gate_proj.weight', 'mlp.shared_experts.up_proj.weight'],
    'shared-down.weight': ['mlp.shared_experts.down_proj.weight'],
  },
  expert: (index) => ({
    'gate-up.weight': [`mlp.experts.${index}.gate_proj.weight`, `mlp.experts.${index}.up_proj.weight`],
    'down.weight': [`mlp.experts.${index}.down_proj.weight`],
  }),
}

/** DeepSeek-V2 (`DeepseekV2ForCausalLM`): latent attention, and experts that are weighted by a softmax. */
export const deepseekV2: Family = familyOf('deepseek_v2', (json) => {
  const method = fieldOf(json, 'topk_method') ?? 'greedy'
  if (method !== 'greedy' && method !== 'group_limited_greedy')
    throw refused('deepseek_v2', 'topk_method', method)
  const normalises = fieldOf(json, 'norm_topk_prob') ?? false
  if (normalises !== false) throw refused('deepseek_v2', 'norm_topk_prob', normalises)
  const scoring = fieldOf(json, 'scoring_func') ?? 'softmax'
  if (scoring !== 'softmax') throw refused('deepseek_v2', 'scoring_func', scoring)
  return {
    scores: 'softmax',
    corrected: false,
    ...(method === 'greedy' ? { groups: 1, activeGroups: 1 } : {}),
  }
})

/** DeepSeek-V3 and R1 (`DeepseekV3ForCausalLM`): experts are weighted by sigmoids, and chosen with a correction. */
export const deepseekV3: Family = familyOf('deepseek_v3', correctedSigmoids)

/**
 * Kimi K2: `DeepseekV3ForCausalLM` under another name, so that programs can tell the two apart (its makers'
 * `deploy_guidance.md`). Its configs become those of `deepseek_v3`.
 */
export const kimiK2: Family = { ...deepseekV3, name: 'kimi_k2' }

function correctedSigmoids(json: JsonObject): Routing {
  const method = fieldOf(json, 'topk_method') ?? 'noaux_tc'
  if (method !== 'noaux_tc') throw refused('deepseek_v3', 'topk_method', method)
  const scoring = fieldOf(json, 'scoring_func') ?? 'sigmoid'
  if (scoring !== 'sigmoid') throw refused('deepseek_v3', 'scoring_func', scoring)
  const interleaved = fieldOf(json, 'rope_interleave') ?? true
  if (interleaved !== true) throw refused('deepseek_v3', 'rope_interleave', interleaved)
  return { scores: 'sigmoid', corrected: true }
}

function refused(family: string, key: string, value: unknown): ModelError {
  return new ModelError(
    'unsupported-model',
    `this ${family} model cannot be run: ${key} is ${show(value)}, which would change its numbers and is not implemented`,
  )
}

type Routing = Pick<GroupedRouting, 'scores' | 'corrected'> & Partial<GroupedRouting>

function familyOf(name: string, readRouting: (json: JsonObject) => Routing): Family {
  return {
    name,
    parse(json, generation) {
      refuseUnsupported(json, name, { reads: ['n_routed_experts', 'kv_lora_rank'] })
      const integer = (key: string, otherwise?: number): number =>
        checkInteger(fieldOf(json, key) ?? otherwise, key, 1, limits.hiddenSizeMax)
      const turning = integer('qk_rope_head_dim')
      const headSize = integer('qk_nope_head_dim') + turning
      const query = fieldOf(json, 'q_lora_rank') ?? null
      const dense = readDenseConfig(
        // Files name other sizes of a head here: those of the channels that turn.
        { ...json, head_dim: headSize, num_key_value_heads: fieldOf(json, 'num_attention_heads') },
        generation,
        {
          family: name,
          contextLengthDefault: 4096,
          windows: { slidingWindow: null },
          attentionBias: false,
          queryKeyNorm: false,
          ...divisorOf(json, headSize),
        },
      )
      return {
        ...dense,
        rope: { ...asObject(dense['rope'], 'rope'), dimensions: turning },
        latent: {
          querySize: query === null ? null : integer('q_lora_rank'),
          keyValueSize: integer('kv_lora_rank'),
          valueSize: integer('v_head_dim'),
        },
        experts: readExperts(json, readRouting(json)),
      }
    },
    block,
    checkpoint,
    expertsIn: true,
  }
}

function block(config: ModelConfig, index: number): BlockSpec {
  const spec = expertsBlock(config, index)
  return { ...spec, attention: { ...spec.attention, rotatedPairs: 'neighbours' } }
}

/** With YaRN, scores are multiplied by the square of its scale for all channels (`softmax_scale` of the makers' code). */
function divisorOf(json: JsonObject, headSize: number): { scoreDivisor?: number } {
  const scaling = asObject(
    fieldOf(json, 'rope_parameters') ?? fieldOf(json, 'rope_scaling') ?? {},
    'rope_scaling',
  )
  const weight = fieldOf(scaling, 'mscale_all_dim') ?? 0
  const factor = fieldOf(scaling, 'factor') ?? 1
  const all = checkNumber(weight, 'mscale_all_dim', 0, 1e6)
  const scale = 0.1 * all * Math.log(Math.max(1, checkNumber(factor, 'factor', 0, 1e6))) + 1
  return scale === 1 ? {} : { scoreDivisor: Math.sqrt(headSize) / scale ** 2 }
}

function readExperts(json: JsonObject, routing: Routing): JsonObject {
  const integer = (key: string, least: number, otherwise?: number): number =>
    checkInteger(fieldOf(json, key) ?? otherwise, key, least, limits.hiddenSizeMax)
  const size = integer('moe_intermediate_size', 1)
  const shared = integer('n_shared_experts', 0, 0)
  const [firstDense, step] = [integer('first_k_dense_replace', 0, 0), integer('moe_layer_freq', 1, 1)]
  const blockCount = integer('num_hidden_layers', 1)
  const blocks = Array.from({ length: Math.min(blockCount, limits.blockCountMax) }, (_, index) => index)
  return {
    count: integer('n_routed_experts', 1),
    activeCount: integer('num_experts_per_tok', 1),
    size,
    normalised: checkBoolean(fieldOf(json, 'norm_topk_prob') ?? routing.corrected, 'norm_topk_prob'),
    sharedSize: shared === 0 ? null : shared * size,
    denseBlocks: blocks.filter((index) => index < firstDense || index % step !== 0),
    ...(shared === 0 ? {} : { sharedUngated: true }),
    grouped: {
      groups: integer('n_group', 1, 1),
      activeGroups: integer('topk_group', 1, 1),
      scale: fieldOf(json, 'routed_scaling_factor') ?? 1,
      ...routing,
    },
  }
}
