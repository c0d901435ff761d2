import type { JournalStep } from './journal.ts'
import { sessionLimits } from './limits.ts'

/**
 * The steps to which the rows of a prefix belong that a session did not compute itself. Coordinator and stages number
 * them in the same way, so that later versions of the route can be repaired with them.
 */
export function prefixSteps(length: number): JournalStep[] {
  const { replayChunkRows } = sessionLimits
  return Array.from({ length: Math.ceil(length / replayChunkRows) }, (_, step) => {
    const position = step * replayChunkRows
    return { step, position, rows: Math.min(replayChunkRows, length - position), want: 'none' }
  })
}
