import { ModelError } from '../error.ts'
import { asObject, fieldOf, show, type JsonObject } from '../json-fields.ts'

/** Keys that derived families add to a known model_type. Ignoring one of them would give fluent but wrong text. */
const unknownNumerics = [
  'rope_interleaved',
  'num_local_experts',
  'num_experts',
  'embedding_multiplier',
  'residual_multiplier',
  'attention_multiplier',
  'logits_scaling',
  'logit_scale',
  'attn_logit_softcapping',
  'final_logit_softcapping',
  // Qwen's files for contexts of a million positions.
  'dual_chunk_attention_config',
  'no_rope_layers',
  'kv_lora_rank',
]

/** What `layer_types` may name: the window of either kind is read elsewhere. */
const knownLayers: readonly unknown[] = ['full_attention', 'sliding_attention']

/**
 * Refuses, by the name of its key, whatever in config.json would change the numbers of a dense block and is not
 * implemented.
 *
 * @param builtInBiases bias keys whose value says nothing, because the family's blocks always have these biases
 * @throws {ModelError} `unsupported-model`
 */
export function refuseUnsupported(
  json: JsonObject,
  family: string,
  builtInBiases: readonly string[] = [],
): void {
  const refuse = (reason: string): never => {
    throw new ModelError('unsupported-model', `this ${family} model cannot be run: ${reason}`)
  }
  const activation = fieldOf(json, 'hidden_act') ?? 'silu'
  if (activation !== 'silu') refuse(`hidden_act is ${show(activation)}, only "silu" is supported`)
  for (const key of ['attention_bias', 'qkv_bias', 'mlp_bias']) {
    const value = fieldOf(json, key) ?? false
    if (value !== false && !builtInBiases.includes(key))
      refuse(`${key} is set, but ${family} blocks here have no such bias`)
  }
  const rotary = fieldOf(json, 'partial_rotary_factor') ?? 1
  if (rotary !== 1) refuse(`partial_rotary_factor is ${show(rotary)}, only whole heads are rotated`)
  for (const key of unknownNumerics) {
    const value = fieldOf(json, key) ?? null
    if (value !== null && value !== false && value !== 1)
      refuse(`${key} is ${show(value)}, which would change its numbers and is not implemented`)
  }
  const layers = fieldOf(json, 'layer_types') ?? []
  const other = Array.isArray(layers) ? layers.find((layer) => !knownLayers.includes(layer)) : layers
  if (other !== undefined) refuse(`layer_types names ${show(other)}, which is not implemented`)
  // The second is the key of MLX.
  for (const key of ['quantization_config', 'quantization']) {
    const quantization = fieldOf(json, key) ?? null
    if (quantization === null) continue
    const object = asObject(quantization, key)
    const method = fieldOf(object, 'quant_method') ?? `${show(fieldOf(object, 'bits'))} bits`
    refuse(`its weights are already quantised (${show(method)}); use the original float weights`)
  }
}
