import type { BlockRange } from '@shoal/model'

/** Whether a move, and not a fault, has taken the last holder from a block. */
export interface CoverageWatch {
  /** What a node serves from now on. @returns blocks that it served, and nobody serves now */
  serves(node: string, span: BlockRange | null): number[]
  /** It is gone, by whatever was done to it. */
  gone(node: string): void
}

export function createCoverageWatch(): CoverageWatch {
  const spans = new Map<string, BlockRange>()
  return {
    serves(node, span) {
      const before = spans.get(node)
      if (span === null) spans.delete(node)
      else spans.set(node, span)
      if (before === undefined) return []
      const blocks = Array.from({ length: before.end - before.start }, (_, index) => before.start + index)
      return blocks.filter((block) =>
        [...spans.values()].every(({ start, end }) => block < start || block >= end),
      )
    },
    gone: (node) => void spans.delete(node),
  }
}
