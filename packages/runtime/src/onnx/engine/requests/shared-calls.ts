import { limits } from '../../../limits.ts'

/**
 * How many rows of each request the next call computes. Requests with few rows, the steps of answers, come first; the oldest
 * one gets at least half of the rows, so that a prompt goes on however many steps and shorter prompts come.
 *
 * Beside requests with few rows, the long ones together get what these leave of `rowsBesideStepsMax`, and half of that at
 * least: whoever sends few rows waits for this call, and for the next stage's.
 * @param waiting rows that each request still has, the oldest first
 * @param streams whether the call reads its weights from disk, so that it takes as many rows as there are
 * @returns as many numbers
 */
export function shareRows(waiting: readonly number[], streams = false): number[] {
  const { rowsPerSharedCallMax, rowsPerStreamedCallMax, rowsBesideStepsMax } = limits
  const shares = waiting.map(() => 0)
  const few = waiting.filter((rows) => rows <= rowsBesideStepsMax)
  const fewRows = few.reduce((sum, rows) => sum + rows, 0)
  const alone = streams || few.length === 0 || few.length === waiting.length
  let left: number = streams ? rowsPerStreamedCallMax : rowsPerSharedCallMax
  let leftForLong = alone ? left : Math.max(rowsBesideStepsMax / 2, rowsBesideStepsMax - fewRows)
  const give = (index: number, most: number): void => {
    const [wanted = 0, had = 0] = [waiting[index], shares[index]]
    const isLong = wanted > rowsBesideStepsMax
    const rows = Math.min(most, left, isLong ? leftForLong : left, wanted - had)
    shares[index] = had + rows
    left -= rows
    if (isLong) leftForLong -= rows
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
