import { llamaNames, type CheckpointNames } from '../config/checkpoint-names.ts'
import { denseBlock } from '../config/dense-block.ts'
import { readDenseConfig } from '../config/dense-config.ts'
import { refuseUnsupported } from '../config/refusals.ts'
import { asObject, checkInteger, checkNumber, fieldOf, isSet, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'
import type { Family } from './family.ts'

const checkpoint: CheckpointNames = {
  ...llamaNames,
  block: {
    ...llamaNames.block,
    'query-norm': ['self_attn.query_layernorm.weight'],
    'key-norm': ['self_attn.key_layernorm.weight'],
  },
}

/** Hunyuan, dense models (`HunYuanDenseV1ForCausalLM`): Llama that normalises the heads of q and k after rotation. */
export const hunyuan: Family = {
  name: 'hunyuan_v1_dense',
  parse(json, generation) {
    refuseUnsupported(json, 'hunyuan_v1_dense', { reads: ['attention_bias', 'use_qk_norm'] })
    const attentionBias = isSet(json, 'attention_bias')
    return readDenseConfig(withBase(json), generation, {
      family: 'hunyuan_v1_dense',
      keyValueHeadsDefault: 'headCount',
      contextLengthDefault: 2048,
      normEpsilonDefault: 1e-5,
      windows: { slidingWindow: null },
      attentionBias,
      queryKeyNorm: true,
      options: { outputBias: attentionBias },
    })
  },
  block(config, index) {
    const block = denseBlock(config, index)
    return { ...block, attention: { ...block.attention, queryKeyNorm: 'rotated-head' } }
  },
  checkpoint,
}

/** Its "dynamic" scaling with `alpha` is another rotary base, the same at every length. */
function withBase(json: JsonObject): JsonObject {
  const newer = fieldOf(json, 'rope_parameters') ?? null
  const scaling = asObject(newer ?? fieldOf(json, 'rope_scaling') ?? {}, 'rope_scaling')
  const alpha = fieldOf(scaling, 'alpha') ?? null
  const type = fieldOf(scaling, 'rope_type') ?? fieldOf(scaling, 'type')
  if (type !== 'dynamic' || alpha === null) return json
  const positive = (value: unknown, what: string): number => checkNumber(value, what, 1e-6, 1e12)
  const theta = fieldOf(scaling, 'rope_theta') ?? fieldOf(json, 'rope_theta') ?? 10_000
  const headSize = checkInteger(fieldOf(json, 'head_dim'), 'head_dim', 4, limits.headSizeMax)
  const base = positive(theta, 'rope_theta') * positive(alpha, 'alpha') ** (headSize / (headSize - 2))
  return { ...json, rope_parameters: null, rope_scaling: null, rope_theta: base }
}
