import { ModelError } from '../error.ts'
import { asObject, checkInteger, fieldOf, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'
import { readRope } from './rope.ts'
import { readTokenIds } from './token-ids.ts'

/** `rms_norm_eps` of all configuration classes that are read here. */
const normEpsilonDefault = 1e-6

/** What the families of dense decoders read from config.json in different ways. */
export interface DenseChoices {
  readonly family: string
  /** Query heads, for families whose configs may leave `num_key_value_heads` out: each head has its own keys and values. */
  readonly keyValueHeadsDefault?: 'headCount'
  /** Head size without `head_dim`; `hidden_size / num_attention_heads` by default. */
  readonly headSizeDefault?: number
  /** `max_position_embeddings` of the family's configuration class, for configs without the key. */
  readonly contextLengthDefault: number
  readonly slidingWindow: number | null
  readonly attentionBias: boolean
  readonly queryKeyNorm: boolean
}

/**
 * Reads the config.json of a dense decoder into our vocabulary. Defaults for absent keys are those of the family's
 * configuration class in transformers.
 *
 * @param generation generation_config.json, or an empty object
 * @returns a config for `checkConfig`
 * @throws {ModelError} `bad-model`, `unsupported-model`
 */
export function readDenseConfig(json: JsonObject, generation: JsonObject, choices: DenseChoices): JsonObject {
  const integer = (key: string, max: number): number => checkInteger(fieldOf(json, key), key, 1, max)
  const headCount = integer('num_attention_heads', limits.headCountMax)
  const hiddenSize = integer('hidden_size', limits.hiddenSizeMax)
  const vocabularySize = integer('vocab_size', limits.vocabularySizeMax)
  return {
    family: choices.family,
    hiddenSize,
    feedForwardSize: integer('intermediate_size', limits.feedForwardSizeMax),
    blockCount: integer('num_hidden_layers', limits.blockCountMax),
    headCount,
    keyValueHeadCount: keyValueHeadCount(json, headCount, choices),
    headSize: headSize(json, hiddenSize, headCount, choices),
    vocabularySize,
    contextLength: contextLength(json, choices),
    normEpsilon: fieldOf(json, 'rms_norm_eps') ?? normEpsilonDefault,
    rope: readRope(json),
    slidingWindow: choices.slidingWindow,
    attentionBias: choices.attentionBias,
    queryKeyNorm: choices.queryKeyNorm,
    tiedEmbeddings: fieldOf(json, 'tie_word_embeddings') ?? false,
    bosTokenId:
      readTokenIds(fieldOf(json, 'bos_token_id') ?? fieldOf(generation, 'bos_token_id'), vocabularySize)[0] ??
      null,
    // Where the two disagree, one of them often names the end of a text only, and not that of a turn.
    eosTokenIds: [
      ...new Set(
        [generation, json].flatMap((file) => readTokenIds(fieldOf(file, 'eos_token_id'), vocabularySize)),
      ),
    ],
  }
}

/** YaRN is often written into a config that still names the length before it. */
function contextLength(json: JsonObject, { contextLengthDefault }: DenseChoices): number {
  const what = 'max_position_embeddings'
  const named = checkInteger(fieldOf(json, what) ?? contextLengthDefault, what, 1, limits.contextLengthMax)
  const scaling = asObject(readRope(json), 'rope')['scaling'] ?? null
  if (scaling === null) return named
  const { type, factor, originalContextLength } = asObject(scaling, 'rope scaling')
  if (type !== 'yarn') return named
  return Math.max(named, Math.floor(Number(factor) * Number(originalContextLength)) || 0)
}

function keyValueHeadCount(
  json: JsonObject,
  headCount: number,
  { keyValueHeadsDefault }: DenseChoices,
): number {
  const value = fieldOf(json, 'num_key_value_heads') ?? null
  if (value === null && keyValueHeadsDefault === 'headCount') return headCount
  return checkInteger(value ?? undefined, 'num_key_value_heads', 1, limits.headCountMax)
}

function headSize(
  json: JsonObject,
  hiddenSize: number,
  headCount: number,
  { headSizeDefault }: DenseChoices,
): number {
  const value = fieldOf(json, 'head_dim') ?? headSizeDefault ?? null
  if (value !== null) return checkInteger(value, 'head_dim', 1, limits.headSizeMax)
  if (hiddenSize % headCount !== 0) {
    throw new ModelError(
      'bad-model',
      `hidden_size ${hiddenSize} is not a multiple of num_attention_heads ${headCount}, and there is no head_dim`,
    )
  }
  return hiddenSize / headCount
}
