import { ShoalError } from '@shoal/host'
import { rowsOf } from '../../route/hidden-states.ts'
import { sessionLimits } from '../../route/limits.ts'

/** The state of a session against which a call of `forward` is checked. */
export interface ForwardState {
  readonly hiddenSize: number
  readonly length: number
  /** Steps under way that begin before the first position of the call. A rewind discards the others. */
  readonly pending: number
  /** Where those steps end; 0 without one. */
  readonly pendingEnd: number
  readonly tokenBudget: number
  /** Most rows of one step. A call with more rows becomes several steps. */
  readonly rowsMax: number
}

/** Checks a call of `forward`. @returns the number of its rows @throws {ShoalError} `bad-request`, `limit-exceeded` */
export function checkForward(
  { hiddenSize, length, pending, pendingEnd, tokenBudget, rowsMax }: ForwardState,
  hidden: Float32Array,
  position: number,
): number {
  const rows = rowsOf(hidden, hiddenSize)
  if (rows === null)
    throw new ShoalError('bad-request', `${hidden.length} values are not whole rows of ${hiddenSize}`)
  if (position > length || position < 0)
    throw new ShoalError('bad-request', `position ${position} is outside a session of ${length} positions`)
  if (position < pendingEnd)
    throw new ShoalError(
      'bad-request',
      `no rewind to position ${position} is possible while a step under way ends at position ${pendingEnd}`,
    )
  if (position + rows > tokenBudget)
    throw new ShoalError(
      'limit-exceeded',
      `position ${position + rows} is over the session's token budget of ${tokenBudget}`,
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
