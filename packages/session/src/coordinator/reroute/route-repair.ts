import { messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import type { Transport } from '@shoal/network'
import type { CoordinatorLinks } from '../stage-links.ts'
import { movedRoute } from '../../route/replay-rules.ts'
import type { SessionTimes } from '../../route/limits.ts'
import { nobodyNow, type Losses } from './losses.ts'
import { createOpening, type Opening, type OpenRequest, type OpenStage } from '../opening/opening-stages.ts'
import type { Patience } from './replacement-wait.ts'
import type { Relocation, RouteMove } from './relocation.ts'
import { StageError } from '../../route/stage-error.ts'
import { findSilent } from './silent-stages.ts'
import type { Route, RouteFinder, RouteStage } from '../../route/types.ts'

/** A new version of a route, all of whose stages are open. */
export interface NewRoute {
  readonly route: Route
  readonly stages: readonly OpenStage[]
  /** Stages that left were replaced. */
  readonly move: RouteMove | null
  /** Because a stage was lost, and not because of a move. */
  readonly repaired: boolean
  /** How long nobody has computed. */
  readonly pausedMs: number
}

/** Opens a route anew, as often as it takes. */
export interface RouteRepair {
  /** While it is, steps wait in the journal. */
  readonly active: boolean
  /** Stages that are asked now. */
  readonly opening: Opening | null
  start(finder: RouteFinder): void
  /** Ends the present attempt; the next one begins. */
  abort(error: Error): void
}

export interface RouteRepairContext {
  readonly session: string
  readonly range: BlockRange
  readonly clock: Clock
  readonly logger: Logger
  readonly transport: Transport
  readonly links: CoordinatorLinks
  readonly times: SessionTimes
  readonly losses: Losses
  readonly patience: Patience
  readonly relocation: Relocation
  readonly classes: { readonly byBlock: ReadonlyMap<number, string> }
  /** Aborted at the end of the session. */
  readonly closed: AbortSignal
  route(): Route
  stages(): readonly OpenStage[]
  /** The next epoch; steps of the one before are of no use any more. */
  bump(): number
  /** @param open stages that have the session already */
  requests(route: Route, epoch: number, open: ReadonlySet<RouteStage>): readonly OpenRequest[]
  /** Takes it, in the same turn. */
  goOn(route: NewRoute): void
  end(error: ShoalError): void
  closeStage(stage: OpenStage): void
}

export function createRouteRepair(context: RouteRepairContext): RouteRepair {
  const { session, range, clock, logger, times, losses, patience, relocation, closed } = context
  let attempt: AbortController | null = null
  let opening: Opening | null = null

  /**
   * A route without the lost peers: same blocks, same rows, a higher epoch. Survivors keep KV and journal; what a stage
   * lacks, the one before it sends again. Every attempt that fails leaves one peer more out, and while nobody is left
   * the time of waiting runs, so this ends. A move that fails is tried again later, by whoever asked for it: first the
   * route is opened as it was.
   */
  const repair = async (finder: RouteFinder): Promise<void> => {
    const startMs = clock.nowMs()
    let undoing = false
    while (!closed.aborted) {
      const trying = new AbortController()
      attempt = trying
      const repairing = AbortSignal.any([closed, trying.signal])
      let again: ReadonlySet<string> = new Set()
      let move = relocation.take(context.route())
      const repaired = move === null && !undoing
      try {
        if (repaired && !patience.waiting) losses.countAttempt(context.route().length)
        const epoch = context.bump()
        const silent = (among: Route): Promise<Route> =>
          findSilent(context, among, patience.waiting ? times.patientPingMs : times.suspectPingMs, repairing)
        const replanned = await losses.replan(
          { finder, route: context.route(), range, classes: context.classes.byBlock, findSilent: silent },
          repairing,
        )
        again = replanned.again
        if (move !== null && !replanned.route.includes(move.from)) {
          move.end(new ShoalError('cancelled', 'the stage was lost before it could be moved'))
          move = null
        }
        await relocation.withdraw(replanned.route)
        const route = move === null ? replanned.route : movedRoute(replanned.route, move.from, move.to)
        const open = new Set([...context.stages().map(({ stage }) => stage), ...(move?.to ?? [])])
        const current = createOpening(context, context.requests(route, epoch, open))
        opening = current
        move?.begin(epoch)
        const stages = await current.run(repairing)
        // From here to the end in one turn, so that nothing that is heard can be lost between the old route and the new.
        opening = null
        attempt = null
        if (current.failure !== null) losses.add(current.failure)
        if (closed.aborted) for (const stage of stages) context.closeStage(stage)
        else context.goOn({ route, stages, move, repaired, pausedMs: clock.nowMs() - startMs })
        move?.end(null)
        undoing = false
        if (trying.signal.aborted || current.failure !== null) continue
        losses.settle(route)
        if (!relocation.due) return
      } catch (error) {
        opening = null
        move?.end(error instanceof Error ? error : new Error(messageOf(error)))
        if (closed.aborted) return
        undoing = move !== null
        // A loss ended it and has been counted, or time.
        if (trying.signal.aborted) continue
        if (error instanceof StageError) {
          // Of those who were to take over: the route that is there does not need them.
          if (
            move?.to.some(
              ({ peer, range: { start } }) => peer === error.peer && start === error.range.start,
            ) === true
          )
            continue
          losses.refuse(error, context.stages())
          if (!again.has(error.peer)) continue
        } else if (!nobodyNow(error)) {
          context.end(losses.final(error))
          return
        }
        logger.info('replacement-awaited', { session, reason: messageOf(error) })
        await patience.wait(error, repairing).then(
          () => losses.forgive(),
          (over: unknown) => {
            if (!repairing.aborted) context.end(losses.final(over))
          },
        )
      }
    }
  }

  return {
    get active() {
      return attempt !== null
    },
    get opening() {
      return opening
    },
    start: (finder) => void repair(finder),
    abort: (error) => attempt?.abort(error),
  }
}
