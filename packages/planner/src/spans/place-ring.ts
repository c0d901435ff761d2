import type { Pipeline } from '../search/pipeline.ts'
import type { Spans } from './coverage.ts'

/**
 * Lays a ring of stages over the model. A ring costs the same wherever it begins and whichever way it runs, so it is laid
 * such that most of the blocks that are held now stay where they are.
 */
export function placeRing(ring: Pipeline, held: Spans): Spans {
  let best: Spans = new Map()
  let mostKept = -1
  const count = ring.order.length
  for (const step of [1, -1]) {
    for (let first = 0; first < count; first += 1) {
      const at = Array.from({ length: count }, (_, index) => (first + step * index + count * 2) % count)
      const spans = new Map<number, { start: number; end: number }>()
      let start = 0
      for (const index of at) {
        const end = start + (ring.blocks[index] ?? 0)
        spans.set(ring.order[index] ?? -1, { start, end })
        start = end
      }
      const kept = keptBlocks(spans, held)
      if (kept > mostKept) [best, mostKept] = [spans, kept]
    }
  }
  return best
}

function keptBlocks(spans: Spans, held: Spans): number {
  return [...spans].reduce((sum, [index, span]) => {
    const now = held.get(index)
    return now === undefined
      ? sum
      : sum + Math.max(0, Math.min(span.end, now.end) - Math.max(span.start, now.start))
  }, 0)
}

/** Whether a candidate that holds blocks already would have to load others. */
export function breaksHeld(spans: Spans, held: Spans): boolean {
  return [...spans].some(([index, span]) => {
    const now = held.get(index)
    return now !== undefined && (span.start < now.start || span.end > now.end)
  })
}

/**
 * Candidates that hold more than their new span keep all of it: the further blocks are useful copies, and releasing
 * them would help nobody.
 */
export function widened(spans: Spans, held: Spans): Spans {
  return new Map(
    [...spans].map(([index, span]) => {
      const now = held.get(index)
      return [index, now !== undefined && now.start <= span.start && now.end >= span.end ? now : span]
    }),
  )
}
