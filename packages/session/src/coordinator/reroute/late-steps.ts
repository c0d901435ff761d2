import { ShoalError, type Clock, type Logger } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { stepDeadlineMs } from './step-deadline.ts'
import type { SessionTimes } from '../../route/limits.ts'
import type { PendingStep } from '../pending-steps.ts'
import { nameStage, StageError } from '../../route/stage-error.ts'
import { findSilent } from './silent-stages.ts'
import type { Route } from '../../route/types.ts'

export type LateVerdict =
  | { readonly kind: 'lost'; readonly errors: readonly StageError[] }
  /** All stages live, and enough time has passed. */
  | { readonly kind: 'stuck'; readonly error: ShoalError }
  | { readonly kind: 'slow'; readonly moreMs: number }

/** A step has passed its deadline: who hangs, or how much longer to wait. `extension` counts how often it has been given more time. */
export async function judgeLateStep(
  dependencies: {
    readonly transport: Transport
    readonly clock: Clock
    readonly logger: Logger
    readonly times: SessionTimes
  },
  route: Route,
  { step, rows }: PendingStep,
  extension: number,
  signal: AbortSignal,
): Promise<LateVerdict> {
  const { times } = dependencies
  const deadlineMs = stepDeadlineMs(route, rows, times)
  const silent = await findSilent(dependencies, route, times.suspectPingMs, signal)
  const late = `step ${step} was not answered within ${Math.round(deadlineMs)} ms`
  if (silent.length > 0)
    return {
      kind: 'lost',
      errors: silent.map(
        (stage) => new StageError(stage, 'deadline-passed', `${late}, and this stage answers no ping`),
      ),
    }
  if (extension < times.stepExtensions) return { kind: 'slow', moreMs: deadlineMs * 2 ** (extension + 1) }
  const sentence = `${late} and ${extension} extensions, though all stages answer pings: ${route.map(nameStage).join(', ')}`
  return { kind: 'stuck', error: new ShoalError('deadline-passed', sentence) }
}
