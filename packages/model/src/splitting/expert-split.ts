import type { ExpertsConfig, ModelConfig } from '../config/model-config.ts'
import { ModelError } from '../error.ts'
import { apportion, rangeOf, sum } from './apportion.ts'
import type { BlockSplit, RankShare } from './block-split.ts'

type Shape = Pick<ModelConfig, 'headCount' | 'keyValueHeadCount' | 'feedForwardSize'>

/**
 * Divides the experts of every block over ranks, in proportion to `speeds`, at least one each. Ranks follow each other in
 * the order of the experts' numbers.
 *
 * @throws {ModelError} `bad-request` with more ranks than experts
 */
export function splitExperts({ count }: Pick<ExpertsConfig, 'count'>, speeds: readonly number[]): BlockSplit {
  if (speeds.length > count)
    throw new ModelError(
      'bad-request',
      `${count} experts of a block cannot be shared by ${speeds.length} ranks`,
    )
  return { heads: [], columns: [], experts: apportion(count, speeds) }
}

/** @throws {ModelError} `bad-request` when the split is not one of this model's experts */
export function expertShare(
  { headCount, keyValueHeadCount, feedForwardSize }: Shape,
  { count }: Pick<ExpertsConfig, 'count'>,
  { experts = [] }: BlockSplit,
  rank: number,
): RankShare {
  const ranks = experts.length
  const fits =
    Number.isInteger(rank) &&
    rank >= 0 &&
    rank < ranks &&
    experts.every((own) => Number.isSafeInteger(own) && own > 0) &&
    sum(experts) === count
  if (!fits)
    throw new ModelError(
      'bad-request',
      `rank ${rank} of the split experts [${experts.join(', ')}] does not fit this model: its blocks have ${count} experts`,
    )
  return {
    rank,
    ranks,
    heads: { start: 0, end: headCount },
    keyValueHeads: { start: 0, end: keyValueHeadCount },
    columns: { start: 0, end: feedForwardSize },
    experts: rangeOf(experts, rank),
  }
}
