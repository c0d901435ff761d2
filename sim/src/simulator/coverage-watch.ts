import type { BlockRange } from '@shoal/model'

/** Finds moves (not faults) by which a block loses its last holder. */
export interface CoverageWatch {
  /** Records the span that a node serves from now on. @returns blocks that it served and that no node serves now */
  serves(node: string, span: BlockRange | null): number[]
  /** Records that a node has ended, for whatever reason. */
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
