import type { ModelConfig, RopeConfig } from './config.ts'
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

export const families = ['llama', 'mistral', 'qwen2', 'qwen3'] as const

/**
 * Validates a config that came from outside (a manifest) or was just derived from a config.json: every number within
 * {@link limits}, heads that divide, and nothing that the family cannot have. Unknown fields are dropped.
 *
 * @throws {ModelError} `bad-model`, or `unsupported-model` for a family this version does not know
 */
export function checkConfig(value: unknown): ModelConfig {
  const object = asObject(value, 'the model config')
  const family = fieldOf(object, 'family')
  if (typeof family !== 'string' || !(families as readonly string[]).includes(family)) {
    throw new ModelError(
      'unsupported-model',
      `model family ${show(family)} is not supported; these are: ${families.join(', ')}`,
    )
  }
  const integer = (key: string, max: number): number => checkInteger(fieldOf(object, key), key, 1, max)
  const vocabularySize = integer('vocabularySize', limits.vocabularySizeMax)
  const contextLength = integer('contextLength', limits.contextLengthMax)
  const window = fieldOf(object, 'slidingWindow')
  const bos = fieldOf(object, 'bosTokenId')
  const config: ModelConfig = {
    family,
    hiddenSize: integer('hiddenSize', limits.hiddenSizeMax),
    feedForwardSize: integer('feedForwardSize', limits.feedForwardSizeMax),
    blockCount: integer('blockCount', limits.blockCountMax),
    headCount: integer('headCount', limits.headCountMax),
    keyValueHeadCount: integer('keyValueHeadCount', limits.headCountMax),
    headSize: integer('headSize', limits.headSizeMax),
    vocabularySize,
    contextLength,
    normEpsilon: checkNumber(fieldOf(object, 'normEpsilon'), 'normEpsilon', 0, 1),
    rope: checkRope(fieldOf(object, 'rope')),
    slidingWindow: window === null ? null : checkInteger(window, 'slidingWindow', 1, limits.contextLengthMax),
    attentionBias: checkBoolean(fieldOf(object, 'attentionBias'), 'attentionBias'),
    queryKeyNorm: checkBoolean(fieldOf(object, 'queryKeyNorm'), 'queryKeyNorm'),
    tiedEmbeddings: checkBoolean(fieldOf(object, 'tiedEmbeddings'), 'tiedEmbeddings'),
    bosTokenId: bos === null ? null : checkInteger(bos, 'bosTokenId', 0, vocabularySize - 1),
    eosTokenIds: checkEosTokenIds(fieldOf(object, 'eosTokenIds'), vocabularySize),
  }
  checkHeads(config)
  return config
}

function checkHeads(config: ModelConfig): void {
  if (config.headCount % config.keyValueHeadCount !== 0) {
    throw new ModelError(
      'bad-model',
      `${config.headCount} query heads cannot share ${config.keyValueHeadCount} key/value heads evenly`,
    )
  }
  if (config.headSize % 2 !== 0) {
    throw new ModelError('bad-model', `head size ${config.headSize} is odd, but rotary embedding turns pairs`)
  }
  if (config.headCount * config.headSize > limits.hiddenSizeMax) {
    throw new ModelError(
      'bad-model',
      `${config.headCount} heads of ${config.headSize} exceed ${limits.hiddenSizeMax} columns`,
    )
  }
}

function checkRope(value: unknown): RopeConfig {
  const rope = asObject(value, 'rope')
  const theta = checkNumber(fieldOf(rope, 'theta'), 'rope theta', 1, 1e12)
  const scaling = fieldOf(rope, 'scaling')
  if (scaling === null) return { theta, scaling: null }
  const object = asObject(scaling, 'rope scaling')
  return { theta, scaling: checkScaling(object) }
}

function checkScaling(object: JsonObject): RopeConfig['scaling'] {
  const number = (key: string, min: number): number =>
    checkNumber(fieldOf(object, key), `rope scaling ${key}`, min, 1e6)
  const type = fieldOf(object, 'type')
  const factor = number('factor', 1)
  if (type === 'linear') return { type, factor }
  if (type !== 'llama3')
    throw new ModelError(
      'unsupported-model',
      `rope scaling ${show(type)} is not supported; linear and llama3 are`,
    )
  const lowFrequencyFactor = number('lowFrequencyFactor', 1e-6)
  const highFrequencyFactor = number('highFrequencyFactor', 1e-6)
  if (highFrequencyFactor <= lowFrequencyFactor) {
    throw new ModelError(
      'bad-model',
      `llama3 rope: high frequency factor ${highFrequencyFactor} must exceed the low one, ${lowFrequencyFactor}`,
    )
  }
  const originalContextLength = checkInteger(
    fieldOf(object, 'originalContextLength'),
    'rope scaling originalContextLength',
    1,
    limits.contextLengthMax,
  )
  return { type, factor, lowFrequencyFactor, highFrequencyFactor, originalContextLength }
}

function checkEosTokenIds(value: unknown, vocabularySize: number): number[] {
  if (!Array.isArray(value) || value.length > limits.eosTokenIdsMax) {
    throw new ModelError(
      'bad-model',
      `eosTokenIds must be a list of at most ${limits.eosTokenIdsMax} token ids`,
    )
  }
  return value.map((id: unknown) => checkInteger(id, 'an end token id', 0, vocabularySize - 1))
}
