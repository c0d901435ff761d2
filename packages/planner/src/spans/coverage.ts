import { candidateAt, type Cluster } from '../search/cluster.ts'

/** The half-open span of blocks that each candidate holds or is to hold, by the candidate's index. */
export type Spans = ReadonlyMap<number, { readonly start: number; readonly end: number }>

/** How many candidates hold each block. */
export function countHolders(spans: Spans, blockCount: number): number[] {
  const counts = Array.from({ length: blockCount }, () => 0)
  for (const { start, end } of spans.values())
    for (let block = start; block < end; block += 1) counts[block] = (counts[block] ?? 0) + 1
  return counts
}

/**
 * The spans that candidates hold now and may keep: those inside the model that fit their memory. A joining candidate
 * names the span that it loads, which counts as held.
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
 * Keeps all spans and covers the gaps between them, lowest block first: each gap goes to the idle candidate that covers
 * most of it, then to neighbours of the gap that have room. A gap that remains cannot be covered without a move.
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

/** The idle candidate that covers most of the gap; of equals the fastest. */
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

/** Grows spans that touch a gap, one block at a time, those of the fastest candidates first. */
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
