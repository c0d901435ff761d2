import type { ExpertsConfig, ModelConfig } from '../config/model-config.ts'
import { splitBlocks, rankShare, type RankShare } from './block-split.ts'
import { splitExperts } from './expert-split.ts'
import { ModelError } from '../error.ts'
import type { NumericProfile } from '../packing/profile.ts'

type Shape = Pick<ModelConfig, 'headCount' | 'keyValueHeadCount' | 'headSize' | 'feedForwardSize' | 'experts'>
type Blocks = Pick<NumericProfile, 'formats'>

/**
 * Thousandths of a block's weights that each rank of a group holds, rounded up, when the shares follow `speeds` as closely as
 * the model allows: a measure of the memory and time that a rank needs. Key/value heads that ranks share count for each.
 *
 * @returns null when the model cannot be split so
 */
export function rankPermille(
  config: Shape,
  profile: Blocks,
  speeds: readonly number[],
): readonly number[] | null {
  try {
    if (config.experts !== undefined) return expertPermille(config, config.experts, speeds)
    const split = splitBlocks(config, profile, speeds)
    const whole = rowsOf(
      config,
      rankShare(config, profile, { heads: [config.headCount], columns: [config.feedForwardSize] }, 0),
    )
    return speeds.map((_, rank) =>
      Math.ceil((1000 * rowsOf(config, rankShare(config, profile, split, rank))) / whole),
    )
  } catch (error) {
    if (error instanceof ModelError) return null
    throw error
  }
}

/** Every rank has all but the experts of the others. */
function expertPermille(config: Shape, experts: ExpertsConfig, speeds: readonly number[]): number[] {
  const { count, size, sharedSize } = experts
  const { headSize, headCount, keyValueHeadCount } = config
  const dense = headSize * 2 * (headCount + keyValueHeadCount) + count + 3 * (sharedSize ?? 0)
  const rows = (own: number): number => dense + 3 * size * own
  return (splitExperts(experts, speeds).experts ?? []).map((own) =>
    Math.ceil((1000 * rows(own)) / rows(count)),
  )
}

/** Rows of hidden size in all matrices of a share: q and output, k and v, gate, up and down. */
function rowsOf({ headSize }: Shape, { heads, keyValueHeads, columns }: RankShare): number {
  const [queries, keys, wide] = [heads, keyValueHeads, columns].map(({ start, end }) => end - start) as [
    number,
    number,
    number,
  ]
  return headSize * (2 * queries + 2 * keys) + 3 * wide
}
