import { checkConfig, families } from './check-config.ts'
import type { ModelConfig } from './config.ts'
import { ModelError } from '../error.ts'
import { asObject, checkInteger, fieldOf, show, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'

/** What a key means when config.json leaves it out: the defaults of the family's reference code (transformers). */
const familyDefaults: Readonly<Record<string, { headSize?: number; slidingWindow?: number }>> = {
  mistral: { slidingWindow: 4096 },
  qwen3: { headSize: 128 },
}

/** Keys that derived families add to a known model_type; ignoring one would give fluent, wrong text. */
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
]

/**
 * Reads a Hugging Face config.json (already parsed) into our vocabulary.
 *
 * Whatever would change the numbers and is not implemented is refused here, with the reason, rather than ignored.
 *
 * @param generationConfigJson generation_config.json; its end tokens win over config.json's
 * @throws {ModelError} `unsupported-model` for what we cannot run, `bad-model` for what makes no sense
 */
export function parseConfig(configJson: unknown, generationConfigJson: unknown = null): ModelConfig {
  const json = asObject(configJson, 'config.json')
  const generation =
    generationConfigJson === null ? {} : asObject(generationConfigJson, 'generation_config.json')
  const family = fieldOf(json, 'model_type')
  if (typeof family !== 'string' || !(families as readonly string[]).includes(family)) {
    throw new ModelError(
      'unsupported-model',
      `model_type ${show(family)} is not supported; these are: ${families.join(', ')}`,
    )
  }
  refuseUnsupported(json, family)
  const required = (key: string): unknown => fieldOf(json, key)
  const headCount = checkInteger(
    required('num_attention_heads'),
    'num_attention_heads',
    1,
    limits.headCountMax,
  )
  const hiddenSize = checkInteger(required('hidden_size'), 'hidden_size', 1, limits.hiddenSizeMax)
  const vocabularySize = checkInteger(required('vocab_size'), 'vocab_size', 1, limits.vocabularySizeMax)
  const contextLength = checkInteger(
    required('max_position_embeddings'),
    'max_position_embeddings',
    1,
    limits.contextLengthMax,
  )
  return checkConfig({
    family,
    hiddenSize,
    feedForwardSize: checkInteger(
      required('intermediate_size'),
      'intermediate_size',
      1,
      limits.feedForwardSizeMax,
    ),
    blockCount: checkInteger(required('num_hidden_layers'), 'num_hidden_layers', 1, limits.blockCountMax),
    headCount,
    keyValueHeadCount: keyValueHeadCount(json, family, headCount),
    headSize: headSize(json, family, hiddenSize, headCount),
    vocabularySize,
    contextLength,
    normEpsilon: required('rms_norm_eps'),
    rope: parseRope(json),
    slidingWindow: slidingWindow(json, family, contextLength),
    attentionBias: family === 'qwen2',
    queryKeyNorm: family === 'qwen3',
    tiedEmbeddings: fieldOf(json, 'tie_word_embeddings') ?? false,
    bosTokenId:
      tokenIds(fieldOf(json, 'bos_token_id') ?? fieldOf(generation, 'bos_token_id'), vocabularySize)[0] ??
      null,
    eosTokenIds: tokenIds(
      fieldOf(generation, 'eos_token_id') ?? fieldOf(json, 'eos_token_id'),
      vocabularySize,
    ),
  })
}

function refuseUnsupported(json: JsonObject, family: string): void {
  const refuse = (reason: string): never => {
    throw new ModelError('unsupported-model', `this ${family} model cannot be run: ${reason}`)
  }
  const activation = fieldOf(json, 'hidden_act') ?? 'silu'
  if (activation !== 'silu') refuse(`hidden_act is ${show(activation)}, only "silu" is supported`)
  for (const key of ['attention_bias', 'qkv_bias', 'mlp_bias']) {
    const value = fieldOf(json, key)
    const builtIn = family === 'qwen2' && key !== 'mlp_bias'
    if (value !== undefined && value !== null && value !== false && !builtIn)
      refuse(`${key} is set, but ${family} blocks here have no such bias`)
  }
  const rotary = fieldOf(json, 'partial_rotary_factor') ?? 1
  if (rotary !== 1) refuse(`partial_rotary_factor is ${show(rotary)}, only whole heads are rotated`)
  for (const key of unknownNumerics) {
    const value = fieldOf(json, key) ?? null
    if (value !== null && value !== false && value !== 1)
      refuse(`${key} is ${show(value)}, which would change its numbers and is not implemented`)
  }
  const quantization = fieldOf(json, 'quantization_config') ?? null
  if (quantization !== null) {
    const method = fieldOf(asObject(quantization, 'quantization_config'), 'quant_method')
    refuse(`its weights are already quantised (${show(method)}); use the original float weights`)
  }
}

function keyValueHeadCount(json: JsonObject, family: string, headCount: number): number {
  const value = fieldOf(json, 'num_key_value_heads') ?? null
  // Llama 1 and early Llama 2 files have no such key: every head has its own keys and values.
  if (value === null && family === 'llama') return headCount
  return checkInteger(value ?? undefined, 'num_key_value_heads', 1, limits.headCountMax)
}

function headSize(json: JsonObject, family: string, hiddenSize: number, headCount: number): number {
  const value = fieldOf(json, 'head_dim') ?? familyDefaults[family]?.headSize ?? null
  if (value !== null) return checkInteger(value, 'head_dim', 1, limits.headSizeMax)
  if (hiddenSize % headCount !== 0) {
    throw new ModelError(
      'bad-model',
      `hidden_size ${hiddenSize} is not a multiple of num_attention_heads ${headCount}, and there is no head_dim`,
    )
  }
  return hiddenSize / headCount
}

/**
 * transformers 4 writes `rope_theta` and `rope_scaling`, transformers 5 one `rope_parameters`; the type is
 * `rope_type`, or `type` in older files.
 */
function parseRope(json: JsonObject): unknown {
  const newer = fieldOf(json, 'rope_parameters') ?? null
  const scaling = newer ?? fieldOf(json, 'rope_scaling') ?? null
  const object =
    scaling === null ? {} : asObject(scaling, newer === null ? 'rope_scaling' : 'rope_parameters')
  const theta = fieldOf(object, 'rope_theta') ?? fieldOf(json, 'rope_theta') ?? 10_000
  const rotary = fieldOf(object, 'partial_rotary_factor') ?? 1
  if (rotary !== 1)
    throw new ModelError(
      'unsupported-model',
      `partial_rotary_factor ${show(rotary)} is not supported: whole heads are rotated`,
    )
  const nested = Object.values(object).some(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  )
  if (nested)
    throw new ModelError(
      'unsupported-model',
      'rope_parameters differ from block to block, which is not supported',
    )
  const absent = scaling === null || newer !== null ? 'default' : undefined
  const type = fieldOf(object, 'rope_type') ?? fieldOf(object, 'type') ?? absent
  if (type === 'default') return { theta, scaling: null }
  const factor = fieldOf(object, 'factor')
  if (type === 'linear') return { theta, scaling: { type, factor } }
  if (type !== 'llama3')
    throw new ModelError(
      'unsupported-model',
      `rope type ${show(type)} is not supported; default, linear and llama3 are`,
    )
  const lowFrequencyFactor = fieldOf(object, 'low_freq_factor')
  const highFrequencyFactor = fieldOf(object, 'high_freq_factor')
  const originalContextLength = fieldOf(object, 'original_max_position_embeddings')
  return { theta, scaling: { type, factor, lowFrequencyFactor, highFrequencyFactor, originalContextLength } }
}

/** Keys a query sees, or null. Blocks that differ in it (some windowed, some not) are refused. */
function slidingWindow(json: JsonObject, family: string, contextLength: number): number | null {
  // Llama has no such key in its reference code; a file that carries one is not believed.
  if (family === 'llama') return null
  const value = fieldOf(json, 'sliding_window')
  const window = value === undefined ? (familyDefaults[family]?.slidingWindow ?? null) : value
  if (window === null || !windowedBlocks(json, family)) return null
  const keys = checkInteger(window, 'sliding_window', 1, limits.contextLengthMax)
  // A window that no session can fill is none: the graph is simpler without it.
  return keys >= contextLength ? null : keys
}

function windowedBlocks(json: JsonObject, family: string): boolean {
  const qwen = family === 'qwen2' || family === 'qwen3'
  if (qwen && fieldOf(json, 'use_sliding_window') !== true) return false
  const blockCount = checkInteger(
    fieldOf(json, 'num_hidden_layers'),
    'num_hidden_layers',
    1,
    limits.blockCountMax,
  )
  const types = fieldOf(json, 'layer_types') ?? null
  if (Array.isArray(types)) {
    const windowed = types.filter((type) => type === 'sliding_attention').length
    if (windowed === 0) return false
    if (windowed === types.length) return true
    throw new ModelError(
      'unsupported-model',
      `${windowed} of ${types.length} blocks have a sliding window: a window must be in all blocks or in none`,
    )
  }
  if (!qwen) return true
  const first = checkInteger(fieldOf(json, 'max_window_layers'), 'max_window_layers', 0, limits.blockCountMax)
  if (first >= blockCount) return false
  if (first === 0) return true
  throw new ModelError(
    'unsupported-model',
    `only blocks from ${first} on have a sliding window: a window must be in all blocks or in none`,
  )
}

/** One id, a list, or nothing. Ids beyond the vocabulary are dropped: they can never be drawn. */
function tokenIds(value: unknown, vocabularySize: number): number[] {
  const list: unknown[] = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]
  if (list.length > limits.eosTokenIdsMax)
    throw new ModelError(
      'bad-model',
      `${list.length} special token ids are more than ${limits.eosTokenIdsMax}`,
    )
  const ids = list.map((id) => checkInteger(id, 'a special token id', 0, Number.MAX_SAFE_INTEGER))
  return [...new Set(ids)].filter((id) => id < vocabularySize)
}
