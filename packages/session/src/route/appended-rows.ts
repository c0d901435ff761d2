import { ShoalError } from '@shoal/host'
import { rowsOf } from './hidden-states.ts'

/** The state of a session against which appended rows are checked. */
export interface SessionExtent {
  readonly hiddenSize: number
  /** Number of positions, those under way included. */
  readonly length: number
  readonly tokenBudget: number
}

/**
 * Checks rows that are to be appended to a session at `position`.
 * @param hidden float32 `[rows, hiddenSize]`
 * @returns the number of rows
 * @throws {ShoalError} `bad-request`, `limit-exceeded`
 */
export function checkAppended(
  { hiddenSize, length, tokenBudget }: SessionExtent,
  hidden: Float32Array,
  position: number,
): number {
  const rows = rowsOf(hidden, hiddenSize)
  if (rows === null)
    throw new ShoalError('bad-request', `${hidden.length} values are not whole rows of ${hiddenSize}`)
  if (position > length || position < 0)
    throw new ShoalError('bad-request', `position ${position} is outside a session of ${length} positions`)
  if (position + rows > tokenBudget)
    throw new ShoalError(
      'limit-exceeded',
      `position ${position + rows} is over the session's token budget of ${tokenBudget}`,
    )
  return rows
}
