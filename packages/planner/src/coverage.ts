import { candidateAt, type Cluster } from './cluster.ts'

/** What each candidate is to hold, by its index. Half-open. */
export type Spans = ReadonlyMap<number, { readonly start: number; readonly end: number }>

/** How many hold each block. */
export function countHolders(spans: Spans, blockCount: number): number[] {
  const counts = Array.from({ length: blockCount }, () => 0)
  for (const { start, end } of spans.values())
    for (let block = start; block < end; block += 1) counts[block] = (counts[block] ?? 0) + 1
  return counts
}

/**
 * What candidates hold now, or are about to (a joining one names what it loads), and may go on holding: spans inside the
 * model that fit their memory.
 */
export function heldSpans(cluster: Cluster): Spans {
  const held = new Map<number, { start: number; end: number }>()
  for (const [index, { member, capacity }] of cluster.candidates.entries()) {
    if (member.span === null) continue
    const { start, end } = member.span
    if (end <= cluster.costs.blockCount && end - start <= capacity) held.set(index, { start, end })
  }
  return held
}

/**
 * Keeps all spans and covers what nobody holds, lowest block first: an idle candidate that covers most of the gap, then
 * neighbours of the gap that have room. What is left over, nobody can hold without a move.
 */
export function fillGaps(cluster: Cluster, kept: Spans): Spans {
  const spans = new Map(kept)
  const { blockCount } = cluster.costs
  for (;;) {
    const counts = countHolders(spans, blockCount)
    const start = counts.indexOf(0)
    if (start < 0) return spans
    const next = counts.findIndex((count, block) => block > start && count > 0)
    const gap = { start, end: next < 0 ? blockCount : next }
    const taken = takeIdle(cluster, spans, gap)
    if (taken === undefined) break
    spans.set(taken.index, { start, end: start + taken.blocks })
  }
  return stretchIntoGaps(cluster, spans)
}

function takeIdle(
  cluster: Cluster,
  spans: Spans,
  gap: { readonly start: number; readonly end: number },
): { index: number; blocks: number } | undefined {
  const offers = cluster.candidates
    .map(({ capacity, blockMicros }, index) => ({
      index,
      blocks: Math.min(capacity, gap.end - gap.start),
      blockMicros,
    }))
    .filter(({ index }) => !spans.has(index))
  offers.sort((a, b) => b.blocks - a.blocks || a.blockMicros - b.blockMicros || a.index - b.index)
  return offers[0]
}

/** Grows spans that touch a gap, one block at a time, the fastest first. */
function stretchIntoGaps(cluster: Cluster, before: Spans): Spans {
  const spans = new Map(before)
  for (;;) {
    const counts = countHolders(spans, cluster.costs.blockCount)
    const offers = [...spans].flatMap(([index, span]) => {
      const { capacity, blockMicros } = candidateAt(cluster, index)
      if (span.end - span.start >= capacity) return []
      return [
        { index, blockMicros, block: span.end, grown: { start: span.start, end: span.end + 1 } },
        { index, blockMicros, block: span.start - 1, grown: { start: span.start - 1, end: span.end } },
      ].filter(({ block }) => counts[block] === 0)
    })
    offers.sort((a, b) => a.block - b.block || a.blockMicros - b.blockMicros || a.index - b.index)
    const [offer] = offers
    if (offer === undefined) return spans
    spans.set(offer.index, offer.grown)
  }
}
