import { asShoalError, messageOf, orAborted, sleep } from '@shoal/host'
import { limits } from '@shoal/protocol'
import { sessionLimits } from '../../../route/limits.ts'
import { checkRoute } from '../../../route/route-rules.ts'
import { nameStage, StageError } from '../../../route/stage-error.ts'
import type { Route, RouteFinder, RouteStage } from '../../../route/types.ts'
import type { ActiveRoute } from '../../active-route.ts'
import type { OpenStage } from '../../opening/opening-stages.ts'
import type { SessionContext } from '../../session-context.ts'
import type { SessionLife } from '../../session-life.ts'
import type { Rerouter } from '../rerouter.ts'
import { findSilent } from '../silent-stages.ts'
import type { LeavingStages } from './leaving-stages.ts'
import type { Transfer, Transfers } from './transfers.ts'

/** The attempts so far to move one leaving stage. */
interface Departure {
  readonly stage: RouteStage
  /** Successors that failed. */
  readonly avoid: Set<string>
  handOvers: number
  /**
   * Reason of the last log line. The same reason is not logged again: it would recur twice a second while nobody has
   * the blocks.
   */
  loggedReason: string
}

export interface MovesParts {
  readonly life: SessionLife
  readonly route: ActiveRoute
  readonly rerouter: Rerouter
  readonly transfers: Transfers
  readonly leaving: LeavingStages
}

/**
 * Decides when each leaving stage is moved, and to which successors. Stages are moved one at a time; each is tried
 * until it has been moved or is no longer on the route. The leaving node decides how long it waits. Without a route
 * finder no stage is moved.
 */
export class Moves {
  readonly #context: SessionContext
  readonly #parts: MovesParts
  #running = false

  constructor(context: SessionContext, parts: MovesParts) {
    this.#context = context
    this.#parts = parts
    parts.rerouter.onInstalled(() => this.#look())
  }

  /** Handles the message in which a stage says that it leaves. */
  announced(peer: string, start: number): void {
    this.#parts.leaving.announced(peer, start)
    this.#look()
  }

  #look(): void {
    const { life, leaving } = this.#parts
    const { routes } = this.#context.options
    if (this.#running || leaving.list().length === 0 || routes === undefined) return
    this.#run(routes).catch((error: unknown) => life.end(asShoalError(error)))
  }

  async #run(routes: RouteFinder): Promise<void> {
    this.#running = true
    const { leaving, life } = this.#parts
    for (let [stage] = leaving.list(); stage !== undefined && life.ended === null; [stage] = leaving.list())
      await this.#moveAway({ stage, avoid: new Set(), handOvers: 0, loggedReason: '' }, routes)
    this.#running = false
  }

  async #moveAway(departure: Departure, routes: RouteFinder): Promise<void> {
    const { life, route } = this.#parts
    const { stage, avoid } = departure
    for (
      let from = route.openStage(stage);
      from !== undefined && life.ended === null;
      from = route.openStage(stage)
    ) {
      let to: Route
      try {
        to = await this.#findSuccessors(departure, routes)
      } catch (error) {
        this.#log(departure, [], error)
        // No other successor is left, so the next round may try those that failed before.
        avoid.clear()
        await this.#pause()
        continue
      }
      // Another version is being opened, perhaps because this very stage was lost.
      if (route.paused) {
        await this.#pause()
        continue
      }
      try {
        await this.#move(from, to, departure)
        return
      } catch (error) {
        if (life.ended !== null) return
        this.#log(departure, to, error)
        await this.#loseHung(route.route, life.signal).catch(() => undefined)
        if (error instanceof StageError && to.some(({ peer }) => peer === error.peer)) avoid.add(error.peer)
        else await this.#pause()
      }
    }
  }

  async #findSuccessors({ stage, avoid }: Departure, routes: RouteFinder): Promise<Route> {
    const { life, rerouter, leaving } = this.#parts
    const exclude = new Set([...leaving.list().map(({ peer }) => peer), ...avoid])
    const to = await orAborted(routes.find(stage.range, exclude, rerouter.wish), life.signal)
    checkRoute(to, stage.range)
    return to
  }

  async #move(from: OpenStage, to: Route, departure: Departure): Promise<void> {
    const { transfers, rerouter } = this.#parts
    const { stage } = from
    // The KV cache of a group is spread over its ranks, so a group cannot hand it over.
    const canHandOver =
      from.ranks === 1 &&
      departure.handOvers < sessionLimits.maxHandOvers &&
      to.length <= limits.maxSuccessors
    if (
      canHandOver &&
      (await transfers.withRoom(stage, to, true, (transfer) => this.#handOver(from, to, transfer, departure)))
    )
      return
    // The successors are of another numeric class or a hand-over is not possible, so they compute all rows again.
    await transfers.withRoom(stage, to, false, ({ signal }) =>
      rerouter.move({ kind: 'move', from: stage, to, restored: false }, signal),
    )
  }

  /**
   * @returns false when successors are of another numeric class, so that the caches are of no use to them
   * @throws the reason for which the move was not made
   */
  async #handOver(
    { stage, numericClass: own }: OpenStage,
    to: Route,
    transfer: Transfer,
    departure: Departure,
  ): Promise<boolean> {
    if (transfer.successors.some(({ numericClass }) => numericClass !== own || numericClass === 'none'))
      return false
    departure.handOvers += 1
    transfer.start()
    try {
      await this.#mostHandedOver([stage, ...to], transfer)
      await this.#parts.rerouter.move({ kind: 'move', from: stage, to, restored: true }, transfer.signal)
    } catch (error) {
      transfer.cancel()
      throw error
    }
    return true
  }

  /** Resolves when few rows are left to be sent. @throws {StageError} when one of these stages answers no ping */
  async #mostHandedOver(stages: Route, { mostHandedOver, signal }: Transfer): Promise<void> {
    const { clock, times } = this.#context
    let settled = false
    const settle = (): void => {
      settled = true
    }
    mostHandedOver.then(settle, settle)
    for (;;) {
      await orAborted(Promise.race([mostHandedOver, sleep(clock, times.keepAliveMs, signal)]), signal)
      if (settled) return
      const hung = await this.#loseHung(stages, signal)
      if (hung !== null) throw hung
    }
  }

  /**
   * Reports hung stages to the rerouter. No deadline would find them while no step is under way.
   * @returns an error about the first stage that answers no ping; null when all of them do
   */
  async #loseHung(among: Route, signal: AbortSignal): Promise<StageError | null> {
    const { route, rerouter } = this.#parts
    const { suspectPingMs } = this.#context.times
    let first: StageError | null = null
    for (const stage of await findSilent(this.#context, among, suspectPingMs, signal)) {
      const hung = new StageError(stage, 'deadline-passed', `it answers no ping within ${suspectPingMs} ms`)
      first ??= hung
      if (route.openStage(stage) !== undefined) rerouter.repair(hung)
    }
    return first
  }

  #log(departure: Departure, to: Route, error: unknown): void {
    const reason = messageOf(error)
    if (reason !== departure.loggedReason)
      this.#context.logger.info('move-failed', {
        session: this.#context.options.session,
        from: nameStage(departure.stage),
        to: to.map(nameStage),
        reason,
      })
    departure.loggedReason = reason
  }

  /** Waits before the next attempt. Resolves at once when the session ends. */
  #pause(): Promise<void> {
    const { clock, times } = this.#context
    return sleep(clock, times.moveRetryMs, this.#parts.life.signal).catch(() => undefined)
  }
}
