import { ShoalError } from '@shoal/host'
import { checkAppended, type SessionExtent } from '../../route/appended-rows.ts'
import { sessionLimits } from '../../route/limits.ts'

/** The state of a session against which a call of `forward` is checked. */
export interface ForwardState extends SessionExtent {
  /** Steps under way that begin before the first position of the call. A rewind discards the others. */
  readonly pending: number
  /** Where those steps end; 0 without one. */
  readonly pendingEnd: number
  /** Most rows of one step. A call with more rows becomes several steps. */
  readonly rowsMax: number
}

/** Checks a call of `forward`. @returns the number of its rows @throws {ShoalError} `bad-request`, `limit-exceeded` */
export function checkForward(state: ForwardState, hidden: Float32Array, position: number): number {
  const rows = checkAppended(state, hidden, position)
  const { pending, pendingEnd, rowsMax } = state
  if (position < pendingEnd)
    throw new ShoalError(
      'bad-request',
      `no rewind to position ${position} is possible while a step under way ends at position ${pendingEnd}`,
    )
  const steps = pending + Math.ceil(rows / rowsMax)
  if (steps > sessionLimits.maxStepsInFlight) {
    throw new ShoalError(
      'limit-exceeded',
      `${steps} steps under way are over the limit of ${sessionLimits.maxStepsInFlight}; prefill() stays below it`,
    )
  }
  return rows
}
