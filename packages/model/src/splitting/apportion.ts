import type { IndexRange } from './block-split.ts'

/** Distributes `total` units over ranks in proportion to their speeds, at least one each, by largest remainders (the first of equals). */
export function apportion(total: number, speeds: readonly number[]): number[] {
  const whole = sum(speeds)
  const exact = speeds.map((speed) => (total * speed) / whole)
  const counts = exact.map((count) => Math.max(1, Math.floor(count)))
  while (sum(counts) < total) {
    const next = indexOfLargest(exact.map((count, rank) => count - (counts[rank] ?? 0)))
    counts[next] = (counts[next] ?? 0) + 1
  }
  while (sum(counts) > total) {
    const next = indexOfLargest(
      exact.map((count, rank) =>
        (counts[rank] ?? 0) > 1 ? (counts[rank] ?? 0) - count : Number.NEGATIVE_INFINITY,
      ),
    )
    counts[next] = (counts[next] ?? 0) - 1
  }
  return counts
}

/** The indices of one rank when each has so many, one after the other. */
export function rangeOf(counts: readonly number[], index: number): IndexRange {
  const start = sum(counts.slice(0, index))
  return { start, end: start + (counts[index] ?? 0) }
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const indexOfLargest = (values: readonly number[]): number => values.indexOf(Math.max(...values))
