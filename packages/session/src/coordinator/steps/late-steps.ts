import { ShoalError } from '@shoal/host'
import { nameStage, StageError } from '../../route/stage-error.ts'
import type { Route, RouteStage } from '../../route/types.ts'
import type { ActiveRoute } from '../active-route.ts'
import type { Rerouter } from '../reroute/rerouter.ts'
import { findSilent } from '../reroute/silent-stages.ts'
import type { SessionContext } from '../session-context.ts'
import type { SessionLife } from '../session-life.ts'
import type { PendingStep, PendingSteps } from './pending-steps.ts'
import { stepDeadlineMs } from './step-deadline.ts'

export type LateVerdict =
  /** These stages answer no ping. */
  | { readonly kind: 'lost'; readonly errors: readonly StageError[] }
  /** All stages answer pings, and the step has had its last extension. */
  | { readonly kind: 'stuck'; readonly error: ShoalError }
  /** All stages answer pings, and the step gets `moreMs` from now. */
  | { readonly kind: 'slow'; readonly moreMs: number }

/**
 * Decides what a passed deadline means: stages are lost, the route is slow, or the step is stuck. Pings all stages.
 * @param extension how often the step has been given more time
 */
export async function judgeLateStep(
  context: Pick<SessionContext, 'transport' | 'clock' | 'logger' | 'times'>,
  route: Route,
  { step, rows }: PendingStep,
  extension: number,
  signal: AbortSignal,
): Promise<LateVerdict> {
  const { times } = context
  const deadlineMs = stepDeadlineMs(route, rows, times)
  const silent = await findSilent(context, route, times.suspectPingMs, signal)
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

/**
 * Chooses the stage to replace on a route that is stuck although all its stages answer pings (a machine that swaps, or
 * whose processor belongs to another program). Nobody can tell which stage it is, so the one with the most work of the
 * step comes first, and each stage at most once until a step is answered.
 * @returns null when all stages were suspected in vain
 */
export function suspectOf(route: Route, rows: number, suspected: ReadonlySet<string>): RouteStage | null {
  const rest = route.filter(({ peer }) => !suspected.has(peer))
  return rest.reduce<RouteStage | null>(
    (most, stage) =>
      most === null || stage.predictedStepMs(rows) > most.predictedStepMs(rows) ? stage : most,
    null,
  )
}

/** What a step was given beyond its first deadline. */
interface Patience {
  extensions: number
  /** Peers whose stages were replaced since the last answered step. */
  readonly suspected: Set<string>
}

/**
 * Acts on late steps: a stage that hangs is replaced, and a slow route gets more time. The stages of a stuck route are
 * replaced one after the other; when none is left, or no other route can be found, the session ends.
 */
export function watchLateSteps(
  context: SessionContext,
  parts: {
    readonly life: SessionLife
    readonly route: ActiveRoute
    readonly pending: PendingSteps
    readonly rerouter: Rerouter
  },
): void {
  const { life, route, pending, rerouter } = parts
  const { session, routes } = context.options
  const patience = new WeakMap<PendingStep, Patience>()

  const handle = async (step: PendingStep): Promise<void> => {
    const { epoch } = route
    // No deadline counts while another version is being opened. Its installation gives the oldest step a new deadline.
    if (epoch === null) return
    const given = patience.get(step) ?? { extensions: 0, suspected: new Set<string>() }
    patience.set(step, given)
    const verdict = await judgeLateStep(context, route.route, step, given.extensions, life.signal)
    // The step was answered, or the route changed, while the stages were asked.
    if (life.ended !== null || route.epoch !== epoch || pending.oldest !== step) return
    if (verdict.kind === 'lost') for (const error of verdict.errors) rerouter.repair(error)
    else if (verdict.kind === 'stuck') {
      const suspect = routes === undefined ? null : suspectOf(route.route, step.rows, given.suspected)
      if (suspect === null) {
        life.end(verdict.error)
        return
      }
      given.suspected.add(suspect.peer)
      given.extensions = 0
      rerouter.repair(new StageError(suspect, 'deadline-passed', verdict.error.message))
    } else {
      const { moreMs } = verdict
      context.logger.warn('step-slow', {
        session,
        step: step.step,
        extension: given.extensions,
        moreMs: Math.round(moreMs),
      })
      given.extensions += 1
      pending.allow(moreMs)
    }
  }

  pending.onOverdue((step) => {
    handle(step).catch((error: unknown) => rerouter.failed(error))
  })
}
