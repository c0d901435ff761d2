import { limits } from '../../../limits.ts'

/**
 * How many rows of each request the next call computes, at most `rowsPerSharedCallMax` in all. Requests with few rows, the
 * steps of answers, come first; the oldest one gets at least half of the rows, so that a prompt goes on however many steps
 * and shorter prompts come.
 * @param waiting rows that each request still has, the oldest first
 * @returns as many numbers
 */
export function shareRows(waiting: readonly number[]): number[] {
  const shares = waiting.map(() => 0)
  let left: number = limits.rowsPerSharedCallMax
  const give = (index: number, most: number): void => {
    const rows = Math.min(most, left, (waiting[index] ?? 0) - (shares[index] ?? 0))
    shares[index] = (shares[index] ?? 0) + rows
    left -= rows
  }
  if (waiting.length > 0) give(0, Math.ceil(left / 2))
  const shortestFirst = waiting.map((_, index) => index).sort((a, b) => (waiting[a] ?? 0) - (waiting[b] ?? 0))
  for (const index of shortestFirst) give(index, left)
  return shares
}

/** How many of these requests one call of the head computes, in their order: at least one. */
export function shareHead(rows: readonly number[]): number {
  let total = 0
  const end = rows.findIndex((count) => (total += count) > limits.headRowsPerCallMax)
  return end < 0 ? rows.length : Math.max(1, end)
}
