import {
  packedBlock,
  type BlockSpec,
  type IndexRange,
  type NumericProfile,
  type RankShare,
} from '@shoal/model'
import { residentBytes } from '../costs/memory-estimate.ts'
import type { Span } from '../span.ts'

/**
 * A block as one rank sees it: fewer heads, fewer columns, the same width of the residual stream. What belongs to the sum of
 * all ranks' parts, a bias of the stream's columns, is the first rank's.
 */
export function shareSpec(spec: BlockSpec, share: RankShare): BlockSpec {
  const { attention, feedForward } = spec
  const { rank, heads, columns } = share
  const keyValueHeads = keyValueHeadsOf(spec, share)
  const { headCount, keyValueHeadCount } = attention
  // Ranks that share experts compute the rest whole.
  const isFirst = rank === 0 || share.experts !== null
  return {
    ...spec,
    attention: {
      ...attention,
      headCount: heads.end - heads.start,
      keyValueHeadCount: keyValueHeads.end - keyValueHeads.start,
      outputBias: attention.outputBias && isFirst,
      ...(attention.queryKeyNorm === 'all-heads'
        ? { projected: { headCount, keyValueHeadCount, heads, keyValueHeads } }
        : {}),
    },
    feedForward:
      feedForward.kind === 'dense'
        ? {
            ...feedForward,
            size: columns.end - columns.start,
            outputBias: feedForward.outputBias && isFirst,
          }
        : feedForward,
  }
}

/** The channels of a short convolution are cut alike in all three of its projections. */
export function keyValueHeadsOf({ attention }: BlockSpec, { heads, keyValueHeads }: RankShare): IndexRange {
  return attention.convolution === undefined ? keyValueHeads : heads
}

/** A span as one rank sees it. */
export function shareSpan(span: Span, share: RankShare): Span {
  return { ...span, blocks: span.blocks.map((spec) => shareSpec(spec, share)) }
}

/**
 * Resident bytes of a span's weights once they are loaded.
 * @param span of a rank's share, or of whole blocks
 * @param experts those that the rank has of each block that has some; null for all
 */
export function residentSpanBytes(
  { range, blocks }: Span,
  profile: NumericProfile,
  experts: IndexRange | null = null,
): number {
  return blocks.reduce((sum, spec, index) => {
    const held = spec.feedForward.kind === 'dense' ? null : experts
    const tensors = packedBlock(spec, profile, `block-${range.start + index}`, held ?? undefined)
    return sum + residentBytes(tensors)
  }, 0)
}
