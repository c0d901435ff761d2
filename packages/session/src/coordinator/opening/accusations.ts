import { isErrorCode, messageOf, ShoalError } from '@shoal/host'
import type { SessionFailed } from '@shoal/protocol'
import { StageError } from '../../route/stage-error.ts'
import type { Route, RouteStage } from '../../route/types.ts'

/**
 * Names the stage that a report accuses. A stage reports on itself or on the next one; `start` says on which. Rows with
 * NaN or infinite values, or of another shape, were made by the stage before the one that refuses them.
 * @returns `error` is null when the report names no stage of the route; `ours` is true when the coordinator's own rows
 *   were refused, which every other stage would refuse too
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

/** The error of a stage whose channel has ended: the stage closed it, or this peer did because of what came over it. */
export function lossOf(stage: RouteStage, error: Error | undefined): StageError {
  if (error === undefined) return new StageError(stage, 'peer-vanished', 'it closed its channel')
  return new StageError(stage, error instanceof ShoalError ? error.code : 'peer-vanished', error.message, {
    definite: false,
    cause: error,
  })
}

/** Whatever went wrong while a stage was asked, as an error that names the stage. */
export function atStage(stage: RouteStage, error: unknown): StageError {
  if (error instanceof StageError) return error
  if (error instanceof ShoalError)
    return new StageError(stage, error.code, error.message, { definite: error.definite, cause: error })
  return new StageError(stage, 'internal', messageOf(error), { cause: error })
}
