import { checkExperts } from '../config/experts.ts'
import type { LatentSpec } from '../config/block-spec.ts'
import type { ModelConfig } from '../config/model-config.ts'
import { checkOptions } from '../config/model-options.ts'
import { checkRopeFits } from '../config/rope-factors.ts'
import { checkRope } from '../config/rope.ts'
import { checkEosTokenIds } from '../config/token-ids.ts'
import { ModelError } from '../error.ts'
import { asObject, checkBoolean, checkInteger, checkNumber, fieldOf } from '../json-fields.ts'
import { limits } from '../limits.ts'
import { familyNamed } from './registry.ts'

/**
 * Validates a config that came from outside (a manifest) or was just derived from a config.json: every number within
 * {@link limits}, heads that divide, a family that is supported. Unknown fields are dropped.
 *
 * @throws {ModelError} `bad-model`, or `unsupported-model` for a family that this version does not know
 */
export function checkConfig(value: unknown): ModelConfig {
  const object = asObject(value, 'the model config')
  const family = familyNamed(fieldOf(object, 'family'))
  const integer = (key: string, max: number): number => checkInteger(fieldOf(object, key), key, 1, max)
  const vocabularySize = integer('vocabularySize', limits.vocabularySizeMax)
  const window = fieldOf(object, 'slidingWindow')
  const blockCount = integer('blockCount', limits.blockCountMax)
  const hiddenSize = integer('hiddenSize', limits.hiddenSizeMax)
  const bos = fieldOf(object, 'bosTokenId')
  const config: ModelConfig = {
    family: family.name,
    hiddenSize,
    feedForwardSize: integer('feedForwardSize', limits.feedForwardSizeMax),
    blockCount,
    headCount: integer('headCount', limits.headCountMax),
    keyValueHeadCount: integer('keyValueHeadCount', limits.headCountMax),
    headSize: integer('headSize', limits.headSizeMax),
    vocabularySize,
    contextLength: integer('contextLength', limits.contextLengthMax),
    normEpsilon: checkNumber(fieldOf(object, 'normEpsilon'), 'normEpsilon', 0, 1),
    rope: checkRope(fieldOf(object, 'rope')),
    slidingWindow: window === null ? null : checkInteger(window, 'slidingWindow', 1, limits.contextLengthMax),
    attentionBias: checkBoolean(fieldOf(object, 'attentionBias'), 'attentionBias'),
    queryKeyNorm: checkBoolean(fieldOf(object, 'queryKeyNorm'), 'queryKeyNorm'),
    ...(family.expertsIn === true
      ? { experts: checkExperts(fieldOf(object, 'experts'), { blockCount, hiddenSize }) }
      : {}),
    tiedEmbeddings: checkBoolean(fieldOf(object, 'tiedEmbeddings'), 'tiedEmbeddings'),
    bosTokenId: bos === null ? null : checkInteger(bos, 'bosTokenId', 0, vocabularySize - 1),
    eosTokenIds: checkEosTokenIds(fieldOf(object, 'eosTokenIds'), vocabularySize),
    ...checkOptions(object, blockCount),
  }
  checkHeads(config)
  if (config.latent !== undefined) checkLatentFits(config, config.latent)
  checkConvolutionFits(config)
  for (const rope of [config.rope, config.windowedRope ?? config.rope]) checkRopeFits(rope, config.headSize)
  return config
}

/** Heads that are made of shared vectors have keys and values of their own, channels that turn and some that do not. */
function checkLatentFits(config: ModelConfig, { valueSize }: LatentSpec): void {
  const { headCount, keyValueHeadCount, headSize, rope, attentionBias, queryKeyNorm } = config
  const turning = rope.dimensions ?? headSize
  const fits =
    keyValueHeadCount === headCount &&
    valueSize <= headSize &&
    turning < headSize &&
    !attentionBias &&
    !queryKeyNorm
  if (fits) return
  throw new ModelError(
    'bad-model',
    `latent attention with ${headCount} heads of ${headSize} channels does not fit ${keyValueHeadCount} key/value heads, values of ${valueSize} and ${turning} channels that turn`,
  )
}

/** Channels of a convolution are those of the residual stream, and count as heads. */
function checkConvolutionFits(config: ModelConfig): void {
  const { convolutionTaps, convolutionBlocks, hiddenSize, headCount } = config
  const isWhole = (convolutionTaps === undefined) === (convolutionBlocks === undefined)
  if (isWhole && (convolutionTaps === undefined || hiddenSize % headCount === 0)) return
  throw new ModelError(
    'bad-model',
    `short convolutions of ${convolutionTaps} positions in ${convolutionBlocks?.length} blocks do not fit ${headCount} heads and a hidden size of ${hiddenSize}`,
  )
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
