import { isErrorCode, messageOf, ShoalError } from '@shoal/host'
import type { SessionFailed } from '@shoal/protocol'
import { StageError } from '../../route/stage-error.ts'
import type { Route, RouteStage } from '../../route/types.ts'

/**
 * Finds the stage that is to blame for a failure report. A stage reports on itself or on the next stage; the report's
 * `start` is the first block of the stage concerned. For `bad-frame` the stage before that one is to blame, since it
 * made the rows that were refused.
 * @returns `error` is null when the report names no stage of the route; `ours` is true when the first stage refused
 *   rows of the coordinator, which any other peer would refuse, too
 */
export function accused(
  route: Route,
  message: SessionFailed,
): { readonly error: StageError | null; readonly ours: boolean } {
  const index = route.findIndex(({ range }) => range.start === message.start)
  const [before, stage] = [route[index - 1], route[index]]
  if (stage === undefined) return { error: null, ours: false }
  const said = failureOf(stage, message)
  if (said.code !== 'bad-frame' || before === undefined)
    return { error: said, ours: said.code === 'bad-frame' }
  return {
    error: new StageError(before, 'bad-frame', message.message, { definite: message.definite, cause: said }),
    ours: false,
  }
}

/** A stage's report as an error. A code that only newer peers know becomes `internal`. */
export function failureOf(stage: RouteStage, message: SessionFailed): StageError {
  return new StageError(stage, isErrorCode(message.code) ? message.code : 'internal', message.message, {
    definite: message.definite,
  })
}

/** The error of a stage whose channel has ended: the stage closed it, or this peer closed it because of a bad frame. */
export function lossOf(stage: RouteStage, error: Error | undefined): StageError {
  if (error === undefined) return new StageError(stage, 'peer-vanished', 'it closed its channel')
  return new StageError(stage, error instanceof ShoalError ? error.code : 'peer-vanished', error.message, {
    definite: false,
    cause: error,
  })
}

/** Turns anything thrown while a stage was being opened into an error that names the stage. */
export function atStage(stage: RouteStage, error: unknown): StageError {
  if (error instanceof StageError) return error
  if (error instanceof ShoalError)
    return new StageError(stage, error.code, error.message, { definite: error.definite, cause: error })
  return new StageError(stage, 'internal', messageOf(error), { cause: error })
}
