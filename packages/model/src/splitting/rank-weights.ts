import type { ModelConfig } from '../config/model-config.ts'
import { splitBlocks, rankShare, type RankShare } from './block-split.ts'
import { ModelError } from '../error.ts'
import type { NumericProfile } from '../packing/profile.ts'

type Shape = Pick<ModelConfig, 'headCount' | 'keyValueHeadCount' | 'headSize' | 'feedForwardSize' | 'experts'>
type Blocks = Pick<NumericProfile, 'formats'>

/**
 * Thousandths of a block's weights that each rank of a group holds, rounded up, when the shares follow `speeds` as closely as
 * the model allows: a measure of the memory and time that a rank needs. Key/value heads that ranks share count for each.
 *
 * @returns null when the model cannot be split so; plans do not share experts among peers yet
 */
export function rankPermille(
  config: Shape,
  profile: Blocks,
  speeds: readonly number[],
): readonly number[] | null {
  if (config.experts !== undefined) return null
  try {
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

/** Rows of hidden size in all matrices of a share: q and output, k and v, gate, up and down. */
function rowsOf({ headSize }: Shape, { heads, keyValueHeads, columns }: RankShare): number {
  const [queries, keys, wide] = [heads, keyValueHeads, columns].map(({ start, end }) => end - start) as [
    number,
    number,
    number,
  ]
  return headSize * (2 * queries + 2 * keys) + 3 * wide
}
