import { ModelError } from '../error.ts'
import { fieldOf, show, type JsonObject } from '../json-fields.ts'
import type { Activation } from './block-spec.ts'
import { readStoredQuantisation } from './stored-quantisation.ts'

/** Keys that change the numbers. A family names those that it reads; ignoring another would give fluent but wrong text. */
const numericKeys = [
  'attention_bias',
  'attention_out_bias',
  'qkv_bias',
  'mlp_bias',
  'use_bias',
  'partial_rotary_factor',
  'rope_interleaved',
  'no_rope_layers',
  'num_local_experts',
  'num_experts',
  'n_routed_experts',
  'embedding_multiplier',
  'residual_multiplier',
  'attention_multiplier',
  'logits_scaling',
  'logit_scale',
  'attn_logit_softcapping',
  'final_logit_softcapping',
  'use_bidirectional_attention',
  'use_qk_norm',
  'qk_layernorm',
  'clip_qkv',
  'alibi',
  // Qwen's files for contexts of a million positions.
  'dual_chunk_attention_config',
  'kv_lora_rank',
  'swiglu_limit',
] as const
export type NumericKey = (typeof numericKeys)[number]

/** Values of these keys that change nothing. */
const neutral: readonly unknown[] = [null, false, 1]

/** What `layer_types` may name: the window of either kind is read elsewhere. */
const knownLayers: readonly unknown[] = ['full_attention', 'sliding_attention']

/** `hidden_act` of config.json, in our vocabulary. */
const activations: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_new: 'gelu-tanh',
  relu2: 'relu-squared',
}

export interface Understood {
  /** Keys that the family reads, or whose value says nothing because its blocks are always like that. */
  readonly reads?: readonly NumericKey[]
  /** The activation of its blocks; `silu` by default. */
  readonly activation?: Activation
  /** What `layer_types` may name beside the kinds of attention. */
  readonly layers?: readonly string[]
  /** The value of `hidden_act`, where the family reads it from elsewhere. */
  readonly named?: unknown
}

/**
 * Refuses, by the name of its key, whatever in config.json would change the numbers of a dense block and is not
 * implemented.
 *
 * @throws {ModelError} `unsupported-model`
 */
export function refuseUnsupported(
  json: JsonObject,
  family: string,
  {
    reads = [],
    activation = 'silu',
    layers: known = [],
    named = fieldOf(json, 'hidden_act'),
  }: Understood = {},
): void {
  const refuse = (reason: string): never => {
    throw new ModelError('unsupported-model', `this ${family} model cannot be run: ${reason}`)
  }
  const act = named ?? null
  if (act !== null && (typeof act !== 'string' || activations[act] !== activation))
    refuse(`hidden_act is ${show(act)}, only ${activation} is supported in this family`)
  for (const key of numericKeys) {
    const value = fieldOf(json, key) ?? null
    if (!neutral.includes(value) && !reads.includes(key))
      refuse(`${key} is ${show(value)}, which would change its numbers and is not implemented`)
  }
  const layers = fieldOf(json, 'layer_types') ?? []
  const isKnown = (layer: unknown): boolean => [...knownLayers, ...known].includes(layer)
  const other = Array.isArray(layers) ? layers.find((layer) => !isKnown(layer)) : layers
  if (other !== undefined) refuse(`layer_types names ${show(other)}, which is not implemented`)
  const quantisation = readStoredQuantisation(json)
  if (quantisation?.kind === 'other')
    refuse(`its weights are already quantised (${quantisation.name}); use the original float weights`)
  if (quantisation?.kind === 'mxfp4' && family !== 'gpt_oss')
    refuse('its weights are in MXFP4, which is read for gpt_oss only')
}
