import type { BlockRange } from '@shoal/model'
import { candidateAt, type Cluster } from '../search/cluster.ts'
import { countHolders, type Spans } from './coverage.ts'

/**
 * Gives candidates without a span the blocks that would be missed most: those with the fewest holders; of these, those
 * with a holder of the candidate's numeric class, because a replacement of the same class continues a stream bit for
 * bit; of these, those whose holders together are slowest. A candidate that holds blocks already keeps them, because a
 * replica is not worth a move.
 */
export function replicate(cluster: Cluster, placed: Spans, held: Spans): Spans {
  const spans = new Map(placed)
  for (const [index, span] of held) if (!spans.has(index)) spans.set(index, span)
  const spare = cluster.candidates.map((_, index) => index).filter((index) => !spans.has(index))
  // The largest candidate comes first: it has the fewest places where it fits without overlap.
  spare.sort((a, b) => candidateAt(cluster, b).capacity - candidateAt(cluster, a).capacity || a - b)
  for (const index of spare) {
    const window = weakestWindow(cluster, spans, index)
    if (window !== undefined) spans.set(index, window)
  }
  return spans
}

/**
 * Moves copies to where they are missed: while a block has a single holder, a candidate whose own blocks all keep two
 * holders without it moves there, the slowest candidate first. Without this, nodes that joined one by one would hold the
 * same blocks for ever.
 */
export function spreadCopies(
  cluster: Cluster,
  placed: Spans,
  mayMove: (index: number) => boolean = () => true,
): Spans {
  const spans = new Map(placed)
  const { blockCount } = cluster.costs
  for (let moves = 0; moves < cluster.candidates.length; moves += 1) {
    const counts = countHolders(spans, blockCount)
    if (!counts.includes(1)) break
    const spared = [...spans]
      .filter(
        ([index, { start, end }]) => mayMove(index) && counts.slice(start, end).every((count) => count > 2),
      )
      .map(([index]) => index)
    spared.sort((a, b) => candidateAt(cluster, b).blockMicros - candidateAt(cluster, a).blockMicros || a - b)
    if (!spared.some((index) => moveToSingle(cluster, spans, index, counts))) break
  }
  return spans
}

/** Moves a candidate to the blocks that would be missed most. @returns false when none of them has a single holder */
function moveToSingle(
  cluster: Cluster,
  spans: Map<number, BlockRange>,
  index: number,
  counts: readonly number[],
): boolean {
  const others = new Map(spans)
  others.delete(index)
  const window = weakestWindow(cluster, others, index)
  if (window === undefined || !counts.slice(window.start, window.end).includes(1)) return false
  spans.set(index, window)
  return true
}

/** The span of the candidate's size whose blocks would be missed most. */
function weakestWindow(
  cluster: Cluster,
  spans: Spans,
  index: number,
): { start: number; end: number } | undefined {
  const { blockCount } = cluster.costs
  const { capacity, member } = candidateAt(cluster, index)
  const length = Math.min(capacity, blockCount)
  const counts = countHolders(spans, blockCount)
  const speeds = counts.map(() => 0)
  const sameClass = counts.map(() => false)
  for (const [holder, { start, end }] of spans) {
    const other = candidateAt(cluster, holder)
    for (let block = start; block < end; block += 1) {
      speeds[block] = (speeds[block] ?? 0) + Math.floor(1_000_000_000 / other.blockMicros)
      sameClass[block] ||= member.numericClass !== 'none' && other.member.numericClass === member.numericClass
    }
  }
  // As in Petals, the weakest block of a window decides, then the next weakest.
  const weakness = (start: number): number[][] =>
    Array.from({ length }, (_, offset) => [
      counts[start + offset] ?? 0,
      sameClass[start + offset] === true ? 0 : 1,
      speeds[start + offset] ?? 0,
    ]).sort(compareLists)
  // The number of holders changes only where a span begins or ends, so the weakest window begins or ends there.
  const edges = [...spans.values()].flatMap(({ start, end }) => [start, end, start - length, end - length])
  const starts = [...new Set([0, ...edges])]
    .filter((start) => start >= 0 && start + length <= blockCount)
    .sort((a, b) => a - b)
  let best: { start: number; weakness: number[][] } | undefined
  for (const start of starts) {
    const candidate = { start, weakness: weakness(start) }
    if (best === undefined || compareNested(candidate.weakness, best.weakness) < 0) best = candidate
  }
  return best === undefined ? undefined : { start: best.start, end: best.start + length }
}

/** Lets spans grow over adjacent blocks with a single holder, into the memory that the pipeline leaves. */
export function growSpans(
  cluster: Cluster,
  placed: Spans,
  mayGrow: (index: number) => boolean = () => true,
): Spans {
  const spans = new Map(placed)
  const { blockCount } = cluster.costs
  for (const index of [...spans.keys()].filter(mayGrow).sort((a, b) => a - b)) {
    const { capacity } = candidateAt(cluster, index)
    for (;;) {
      const span = spans.get(index)
      if (span === undefined || span.end - span.start >= capacity) break
      const counts = countHolders(spans, blockCount)
      if (counts[span.end] === 1) spans.set(index, { start: span.start, end: span.end + 1 })
      else if (counts[span.start - 1] === 1) spans.set(index, { start: span.start - 1, end: span.end })
      else break
    }
  }
  return spans
}

function compareLists(a: readonly number[], b: readonly number[]): number {
  const apart = a.findIndex((value, at) => value !== b[at])
  return apart < 0 ? 0 : (a[apart] ?? 0) - (b[apart] ?? 0)
}

function compareNested(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  for (const [at, list] of a.entries()) {
    const difference = compareLists(list, b[at] ?? [])
    if (difference !== 0) return difference
  }
  return 0
}
