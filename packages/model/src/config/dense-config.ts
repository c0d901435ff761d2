import { ModelError } from '../error.ts'
import { asObject, checkInteger, fieldOf, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'
import type { ModelOptions } from './model-options.ts'
import { isRopePerKind, readRope } from './rope.ts'
import { readTokenIds } from './token-ids.ts'
import type { Windows } from './windows.ts'

/** `rms_norm_eps` of most configuration classes that are read here. */
const normEpsilonDefault = 1e-6

/** What the families of dense decoders read from config.json in different ways. */
export interface DenseChoices {
  readonly family: string
  /** Key/value heads of configs that leave `num_key_value_heads` out; `headCount` where each query head has its own. */
  readonly keyValueHeadsDefault?: 'headCount' | number
  /** Head size without `head_dim`; `hidden_size / num_attention_heads` by default. */
  readonly headSizeDefault?: number
  /** `max_position_embeddings` of the family's configuration class, for configs without the key. */
  readonly contextLengthDefault: number
  /** `rms_norm_eps` by default. */
  readonly normEpsilonKey?: string
  readonly normEpsilonDefault?: number
  readonly thetaDefault?: number
  /** `tie_word_embeddings` of the configuration class; false by default. */
  readonly tiedDefault?: boolean
  readonly windows: Windows
  /** Biases of q, k and v. */
  readonly attentionBias: boolean
  readonly queryKeyNorm: boolean
  /** Options of the family; those whose value changes nothing are left out of the config. */
  readonly options?: ModelOptions
  /** See {@link ModelOptions}; unlike the other options, a value of one changes something. */
  readonly scoreDivisor?: number
  /** The rotary embedding of blocks with a window, not yet checked, where config.json does not name both kinds. */
  readonly windowedRope?: unknown
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
  const headSize = readHeadSize(json, hiddenSize, headCount, choices)
  const rope = readRope(json, headSize, choices.thetaDefault)
  return {
    family: choices.family,
    hiddenSize,
    feedForwardSize: integer('intermediate_size', limits.feedForwardSizeMax),
    blockCount: integer('num_hidden_layers', limits.blockCountMax),
    headCount,
    keyValueHeadCount: keyValueHeadCount(json, headCount, choices),
    headSize,
    vocabularySize,
    contextLength: contextLength(json, rope, choices),
    normEpsilon:
      fieldOf(json, choices.normEpsilonKey ?? 'rms_norm_eps') ??
      choices.normEpsilonDefault ??
      normEpsilonDefault,
    rope,
    slidingWindow: choices.windows.slidingWindow,
    attentionBias: choices.attentionBias,
    queryKeyNorm: choices.queryKeyNorm,
    tiedEmbeddings: fieldOf(json, 'tie_word_embeddings') ?? choices.tiedDefault ?? false,
    ...tokensOf(json, generation, vocabularySize),
    ...withoutNeutral({
      ...choices.options,
      windowedBlocks: choices.windows.windowedBlocks,
      windowedRope: windowedRope(json, headSize, rope, choices),
    }),
    ...(choices.scoreDivisor === undefined ? {} : { scoreDivisor: choices.scoreDivisor }),
  }
}

function tokensOf(json: JsonObject, generation: JsonObject, vocabularySize: number): object {
  const bos = fieldOf(json, 'bos_token_id') ?? fieldOf(generation, 'bos_token_id')
  return {
    bosTokenId: readTokenIds(bos, vocabularySize)[0] ?? null,
    // The ids of both files are joined: where the files disagree, one of them often names the end of a text only, and
    // not that of a turn.
    eosTokenIds: [
      ...new Set(
        [generation, json].flatMap((file) => readTokenIds(fieldOf(file, 'eos_token_id'), vocabularySize)),
      ),
    ],
  }
}

/** The rotary embedding of blocks with a window; undefined where all blocks turn alike. */
function windowedRope(json: JsonObject, headSize: number, rope: unknown, choices: DenseChoices): unknown {
  const { windows, thetaDefault } = choices
  if (windows.slidingWindow === null) return undefined
  const own = isRopePerKind(json)
    ? readRope(json, headSize, thetaDefault, 'sliding_attention')
    : (choices.windowedRope ?? rope)
  return JSON.stringify(own) === JSON.stringify(rope) ? undefined : own
}

/** Leaves out options that change nothing: factors of one, absent biases, undefined and null. */
function withoutNeutral(options: Readonly<Record<string, unknown>>): object {
  const neutral: readonly unknown[] = [undefined, null, false, 1]
  return Object.fromEntries(Object.entries(options).filter(([, value]) => !neutral.includes(value)))
}

/** The context length after rope scaling: a config with scaling often still names the length without it. */
function contextLength(json: JsonObject, rope: unknown, { contextLengthDefault }: DenseChoices): number {
  const what = 'max_position_embeddings'
  const named = checkInteger(fieldOf(json, what) ?? contextLengthDefault, what, 1, limits.contextLengthMax)
  const scaling = asObject(rope, 'rope')['scaling'] ?? null
  if (scaling === null) return named
  const { type, factor, originalContextLength } = asObject(scaling, 'rope scaling')
  if (type !== 'yarn' && type !== 'dynamic') return named
  return Math.max(named, Math.floor(Number(factor) * Number(originalContextLength)) || 0)
}

function keyValueHeadCount(
  json: JsonObject,
  headCount: number,
  { keyValueHeadsDefault }: DenseChoices,
): number {
  const value = fieldOf(json, 'num_key_value_heads') ?? null
  const absent = keyValueHeadsDefault === 'headCount' ? headCount : keyValueHeadsDefault
  return checkInteger(value ?? absent, 'num_key_value_heads', 1, limits.headCountMax)
}

function readHeadSize(
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
