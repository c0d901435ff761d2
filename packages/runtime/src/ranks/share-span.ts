import {
  packedBlock,
  type BlockSpec,
  type IndexRange,
  type NumericProfile,
  type RankShare,
} from '@shoal/model'
import { residentBytes } from '../costs/memory-estimate.ts'
import type { Span } from '../span.ts'

/** A block as one rank sees it: fewer heads, fewer columns, the same width of the residual stream. */
export function shareSpec(spec: BlockSpec, { heads, keyValueHeads, columns }: RankShare): BlockSpec {
  const { attention, feedForward } = spec
  return {
    ...spec,
    attention: {
      ...attention,
      headCount: heads.end - heads.start,
      keyValueHeadCount: keyValueHeads.end - keyValueHeads.start,
    },
    feedForward:
      feedForward.kind === 'dense' ? { ...feedForward, size: columns.end - columns.start } : feedForward,
  }
}

/** A span as one rank sees it. */
export function shareSpan({ range, blocks }: Span, share: RankShare): Span {
  return { range, blocks: blocks.map((spec) => shareSpec(spec, share)) }
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
