import { ShoalError } from '@shoal/host'
import type { BlockSpec } from '@shoal/model'
import { limits } from '../limits.ts'

/** One accepted `forward` or `importKeyValues`. */
export interface AcceptedRows {
  readonly rows: number
  /** Takes the rows back, together with the rows of every call accepted after them, which continue from these. */
  fail(): void
  /** Notes how many bytes the session's KV cache has allocated. */
  succeed(keyValueBytes: number): void
}

/** An open session of a runner. */
export interface SessionEntry {
  readonly name: string
  readonly tokenBudget: number
  /** The blocks that the session uses. */
  readonly blocks: readonly BlockSpec[]
  readonly reservedBytes: number
  /** Positions, those of queued calls included. */
  length: number
  keyValueBytes: number
  /** Counts failed calls: a call accepted before a failure must not change the length after it. */
  failures: number
}

/**
 * Counts rows that are to be appended behind `position`.
 * @throws {ShoalError} `wrong-position`, `limit-exceeded` (rows of one call, or the token budget)
 */
export function appendRows(entry: SessionEntry, position: number, rows: number): AcceptedRows {
  if (position !== entry.length)
    throw new ShoalError(
      'wrong-position',
      `session ${entry.name} is at position ${entry.length}, not ${position}`,
    )
  if (rows > limits.rowsPerForwardMax)
    throw new ShoalError('limit-exceeded', `at most ${limits.rowsPerForwardMax} rows at once, not ${rows}`)
  if (position + rows > entry.tokenBudget)
    throw new ShoalError(
      'limit-exceeded',
      `session ${entry.name} has a budget of ${entry.tokenBudget} tokens, ${position + rows} were asked for`,
    )
  entry.length += rows
  const { failures } = entry
  return {
    rows,
    fail() {
      if (entry.failures !== failures) return
      entry.failures += 1
      entry.length = Math.min(entry.length, position)
    },
    succeed(keyValueBytes) {
      entry.keyValueBytes = keyValueBytes
    },
  }
}

/** Forgets positions from `length` on. @throws {ShoalError} `wrong-position` when the session is shorter */
export function truncateEntry(entry: SessionEntry, length: number): void {
  if (!Number.isSafeInteger(length) || length < 0 || length > entry.length) {
    throw new ShoalError(
      'wrong-position',
      `session ${entry.name} has ${entry.length} positions, it cannot be cut to ${length}`,
    )
  }
  entry.length = length
}
