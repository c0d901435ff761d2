import { asShoalError, ShoalError, throwIfAborted } from '@shoal/host'
import { joinRows } from '../route/hidden-states.ts'
import { checkRoute } from '../route/route-rules.ts'
import type { RouteSession } from '../route/types.ts'
import { ActiveRoute } from './active-route.ts'
import { createReceiver } from './receive-messages.ts'
import { LeavingStages } from './reroute/moving/leaving-stages.ts'
import { Moves } from './reroute/moving/moves.ts'
import { Rerouter } from './reroute/rerouter.ts'
import { Transfers } from './reroute/moving/transfers.ts'
import type { SessionContext } from './session-context.ts'
import { createSessionLife, type SessionLife } from './session-life.ts'
import { closeAtStage } from './stage-links.ts'
import { appendPrefix, rowsToKeep } from './opening/prefix.ts'
import { createForward } from './steps/forward.ts'
import { watchLateSteps } from './steps/late-steps.ts'
import { PendingSteps } from './steps/pending-steps.ts'

/**
 * Opens a session at every stage of a route.
 * @throws {StageError} when a stage refuses or cannot be reached; the session is closed at the other stages
 * @throws {ShoalError} `no-route` for a route with gaps, `cancelled`
 */
export async function startRouteSession(context: SessionContext): Promise<RouteSession> {
  const { links, clock, times, options } = context
  const { session, hiddenSize, tokenBudget, signal, wire = 'f32' } = options
  checkRoute(options.route, options.range)
  throwIfAborted(signal)

  const life = createSessionLife(signal)
  const route = new ActiveRoute({ hiddenSize, tokenBudget, wire })
  appendPrefix(route, options)
  const pending = new PendingSteps({ clock, hiddenSize, wire, route, times })
  const transfers = new Transfers(context, life, route)
  const leaving = new LeavingStages(route)
  const rerouter = new Rerouter(context, { life, route, pending, transfers, leaving })
  const moves = new Moves(context, { life, route, rerouter, transfers, leaving })
  const forward = createForward(options, { life, route, pending, rerouter })
  watchLateSteps(context, { life, route, pending, rerouter })

  links.join(session, createReceiver({ route, pending, rerouter, transfers, moves }))
  life.onEnd(() => links.leave(session))
  let keep = 0
  life.onEnd(({ code }) => {
    if (options.keep === true && code === 'cancelled') keep = rowsToKeep(route, pending)
  })
  life.onEnd((error) => pending.rejectAll(error))
  // A stage that this message does not reach frees the session when its lease ends.
  life.onEnd(() => route.stages.forEach(({ link }) => closeAtStage(link, session, null, keep)))

  try {
    const opening = rerouter.openFirst(options.route)
    rerouter.installFirst(opening, await opening.run(life.signal))
  } catch (error) {
    life.end(asShoalError(error))
    throw error
  }
  return sessionAlong({ life, route, pending }, forward)
}

/** What the caller has of a session whose stages are open. */
function sessionAlong(
  { life, route, pending }: { life: SessionLife; route: ActiveRoute; pending: PendingSteps },
  forward: RouteSession['forward'],
): RouteSession {
  const reused = route.sent.length
  return {
    reused,
    get length() {
      return route.sent.length
    },
    get certain() {
      return rowsToKeep(route, pending)
    },
    forward,
    forget(length) {
      if (life.ended !== null) return
      if (pending.endBefore(length) > length)
        throw new ShoalError('bad-request', `a step under way has rows on both sides of position ${length}`)
      route.forget(length)
      pending.discard(length)
    },
    get repairing() {
      return route.paused
    },
    sent: (from = 0) => joinRows(route.sent.views(from, route.sent.length)).slice(),
    route: () =>
      route.stages.map(({ stage: { peer, range }, ranks }) => ({
        peer,
        start: range.start,
        end: range.end,
        ranks,
      })),
    stageTimesMs: () => route.route.map((stage) => stage.predictedStepMs(1)),
    get failovers() {
      return route.failovers
    },
    get moves() {
      return route.moves
    },
    get continuity() {
      return route.continuity
    },
    get rowInvariant() {
      return route.rowInvariant
    },
    async close() {
      life.end(new ShoalError('cancelled', 'the session was closed'))
    },
  }
}
