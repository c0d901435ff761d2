import { asShoalError, messageOf, ShoalError } from '@shoal/host'
import type { SessionFailed, SessionOpened } from '@shoal/protocol'
import type { JournalStep } from '../../route/journal.ts'
import { nameStage, StageError } from '../../route/stage-error.ts'
import type { Route, RouteWish } from '../../route/types.ts'
import type { RouteVersion } from '../active-route.ts'
import { accused, lossOf } from '../opening/accusations.ts'
import { beginWithPrefix } from '../opening/prefix.ts'
import { createOpening, type Opening, type OpenStage, type RoomWait } from '../opening/opening-stages.ts'
import { openRequests, type SessionContext } from '../session-context.ts'
import { closeAtStage } from '../stage-links.ts'
import { sendRows } from '../steps/send-rows.ts'
import { stepDeadlineMs } from '../steps/step-deadline.ts'
import { announceVersion } from './announce-version.ts'
import { Attempt } from './attempt.ts'
import { awaitReplacement } from './await-replacement.ts'
import type { Move } from './changes.ts'
import { createLosses, nobodyNow } from './losses.ts'
import { createReplacementWait } from './replacement-wait.ts'
import { replan } from './replan.ts'
import { RequestedMove } from './moving/requested-move.ts'
import type { RerouterParts } from './rerouter-parts.ts'
import { findSilent } from './silent-stages.ts'

/**
 * Opens the versions of a session's route. It is the only part that does.
 *
 * After a loss, it opens one without the lost stages: same blocks, same rows, a higher epoch. Survivors keep KV cache and
 * journal; the sender before a stage sends again the rows that the stage lacks. Attempts end, because each failure leaves
 * out one more peer and the wait for a peer that holds the blocks is limited. A move is a new version, too.
 */
export class Rerouter {
  readonly #context: SessionContext
  readonly #parts: RerouterParts
  readonly #losses = createLosses()
  readonly #replacementWait
  readonly #requested: RequestedMove
  readonly #installed: (() => void)[] = []
  #first: Opening | null = null
  #attempt: Attempt | null = null
  #servedEpoch: number | null = null

  constructor(context: SessionContext, parts: RerouterParts) {
    this.#context = context
    this.#parts = parts
    this.#replacementWait = createReplacementWait(context.clock, context.times)
    this.#requested = new RequestedMove(context.clock, context.times.stepDeadlineMsMin, () => this.#start())
  }

  /** The opening of the first version. Its caller runs it, and hands the stages to `installFirst`. */
  openFirst(route: Route): Opening {
    const { waitForRoomMs } = this.#context.options
    const { suspectPingMs } = this.#context.times
    const wait: RoomWait | undefined =
      waitForRoomMs === undefined
        ? undefined
        : {
            ms: waitForRoomMs,
            findSilent: (among, until) => findSilent(this.#context, among, suspectPingMs, until),
          }
    const requests = openRequests(this.#context, route, this.#parts.route.issueEpoch())
    this.#first = createOpening(this.#context, requests, wait)
    return this.#first
  }

  /** @throws {ShoalError} the reason for which the session ended meanwhile */
  installFirst({ failure }: Opening, stages: readonly OpenStage[]): void {
    const { life, route } = this.#parts
    const { session, isTrial } = this.#context.options
    this.#first = null
    if (life.ended !== null) {
      for (const { link } of stages) closeAtStage(link, session, null)
      throw life.ended
    }
    const installed = route.install({ epoch: 0, stages, moved: null, repaired: false })
    beginWithPrefix(this.#context.options, route, installed)
    // A first route may mix numeric classes. The classes are logged because they matter when a stage is replaced.
    this.#context.logger.debug(isTrial === true ? 'trial-started' : 'session-started', {
      session,
      stages: stages.map(({ stage, numericClass }) => `${nameStage(stage)}: ${numericClass}`),
    })
    if (failure !== null) this.repair(failure)
    for (const listener of this.#installed) listener()
  }

  /** Calls `listener` when a version has been put into use. */
  onInstalled(listener: () => void): void {
    this.#installed.push(listener)
  }

  /** Which peers the route finder should avoid or prefer for this session. */
  get wish(): RouteWish {
    return { lost: this.#losses.lost, classes: this.#parts.route.classes }
  }

  /** Reports the loss of a stage. A version without it is opened, or the session ends. */
  repair(error: StageError): void {
    const { life } = this.#parts
    const { session, routes, onStageLost } = this.#context.options
    if (life.ended !== null) return
    this.#context.logger.warn('stage-lost', {
      session,
      peer: error.peer,
      code: error.code,
      reason: error.message,
    })
    onStageLost?.(error)
    if (routes === undefined || !this.#losses.movable(error)) {
      life.end(error)
      return
    }
    this.#losses.add(error)
    if (this.#attempt === null) this.#start()
    else this.#attempt.stop(error)
  }

  /** Takes an error of a call that sends to stages: a `StageError` starts a repair, a bug ends the session. */
  failed(error: unknown): void {
    if (error instanceof StageError) this.repair(error)
    else this.#parts.life.end(asShoalError(error))
  }

  /** Resolves when the move has been made. @throws the reason for which the move was not made */
  move(change: Move, signal: AbortSignal): Promise<void> {
    return this.#requested.request(change, this.#parts.pending.size > 0, signal)
  }

  /** Gives up the version that makes a move, if one is being opened, because a successor cannot take over. */
  abortMove(error: Error): void {
    this.#attempt?.stopMove(error)
  }

  /** Called when a step was answered, which shows that the route works. */
  answered(): void {
    const { epoch, route } = this.#parts.route
    if (this.#servedEpoch !== epoch) this.#context.options.onServed?.(route)
    this.#servedEpoch = epoch
    this.#losses.progress()
    this.#replacementWait.reset()
    this.#requested.answered()
  }

  /** A stage's answer to `open`, or its report of a failure. */
  receive(peer: string, message: SessionOpened | SessionFailed): void {
    const opening = this.#opening
    if (opening !== null) opening.receive(peer, message)
    else if (message.type === 'failed') this.#receiveFailure(message)
  }

  /** The opening in progress: of the first version, or of an attempt. */
  get #opening(): Opening | null {
    return this.#first ?? this.#attempt?.opening ?? null
  }

  #receiveFailure(message: SessionFailed): void {
    const { route, life } = this.#parts
    // A newer route version has overtaken this report, so it tells of no loss in the present route.
    if (message.code === 'stale-epoch' || message.epoch !== (this.#attempt?.epoch ?? route.epoch)) return
    const { error, ours } = accused(route.route, message)
    if (error !== null && ours) life.end(error)
    else if (error !== null) this.repair(error)
  }

  /** The channel to a peer has ended. */
  lost(peer: string, error: Error | undefined): void {
    this.#opening?.lost(peer, error)
    const stage = this.#parts.route.route.find((candidate) => candidate.peer === peer)
    if (stage !== undefined) this.repair(lossOf(stage, error))
  }

  #start(): void {
    const { route, life } = this.#parts
    if (route.paused || this.#context.options.routes === undefined) return
    this.#run().catch((error: unknown) => life.end(asShoalError(error)))
  }

  /** Opens new versions until one is in use and nothing else is due. */
  async #run(): Promise<void> {
    const { life, route } = this.#parts
    const { options, clock } = this.#context
    const startMs = clock.nowMs()
    let kind: 'repair' | 'reopen' = 'repair'
    while (life.ended === null) {
      const attempt = this.#begin(kind)
      try {
        const version = await this.#open(attempt)
        // No `await` up to the installation: a message or loss in between would reach neither version.
        const failure = attempt.opening?.failure ?? null
        this.#attempt = null
        if (failure !== null) this.#losses.add(failure)
        if (life.ended === null) this.#install(version, startMs)
        else for (const { link } of version.stages) closeAtStage(link, options.session, null)
        attempt.settle(null)
        kind = 'repair'
        if (attempt.stopped || failure !== null) continue
        this.#losses.settle(route.route)
        if (!this.#requested.due) return
      } catch (error) {
        attempt.settle(error instanceof Error ? error : new Error(messageOf(error)))
        if (life.ended !== null) return
        kind = attempt.move === null ? 'repair' : 'reopen'
        // When the attempt was stopped, by a loss or because its move failed, the next one starts at once.
        if (!attempt.stopped && !(await this.#goesOnAfter(error, attempt))) return
      }
    }
  }

  #begin(kind: 'repair' | 'reopen'): Attempt {
    const { life, route } = this.#parts
    let move = this.#requested.take()
    if (move !== null && !route.route.includes(move.change.from)) {
      move.settle(new ShoalError('cancelled', 'the leaving stage is no longer on the route'))
      move = null
    }
    this.#attempt = new Attempt(this.#context, route, life.signal, move, kind)
    route.pause()
    return this.#attempt
  }

  /** Opens a version with the stages that are not lost, and with new stages for the lost blocks. */
  async #open(attempt: Attempt): Promise<RouteVersion> {
    const { route, transfers } = this.#parts
    const { times, options } = this.#context
    const { waiting } = this.#replacementWait
    if (attempt.change.kind === 'repair' && !waiting) this.#losses.countAttempt(route.route.length)
    const epoch = route.issueEpoch()
    attempt.epoch = epoch
    const pingMs = waiting ? times.patientPingMs : times.suspectPingMs
    const planned = await replan(
      this.#losses,
      {
        finder: options.routes!,
        route: route.route,
        range: options.range,
        classes: route.classes,
        findSilent: (among) => findSilent(this.#context, among, pingMs, attempt.signal),
      },
      attempt.signal,
    )
    attempt.again = planned.again
    return attempt.open(planned.route, epoch, transfers)
  }

  #install(version: RouteVersion, startMs: number): void {
    const { route, pending } = this.#parts
    const { options, clock, logger, times } = this.#context
    const installed = route.install(version)
    const settled = pending.oldest?.position ?? route.sent.length
    for (const step of announceVersion(options.session, route, installed, settled)) this.#send(step)
    const eventWithoutLoss = version.moved === null ? 'route-kept' : 'route-moved'
    logger.info(installed.replaced ? 'route-repaired' : eventWithoutLoss, {
      session: options.session,
      epoch: version.epoch,
      kept: installed.keptRows,
      rows: route.sent.length,
      pausedMs: clock.nowMs() - startMs,
      stages: route.route.map(nameStage),
    })
    // The answer to the oldest step comes only after the rows that have to be computed again.
    const rowsAgain = Math.max(1, route.sent.length - Math.min(...installed.keptRows))
    pending.allow(stepDeadlineMs(route.route, rowsAgain, times))
    for (const listener of this.#installed) listener()
  }

  #send(step: JournalStep): void {
    const { route } = this.#parts
    sendRows(route, this.#context.options.session, step, false).catch((error: unknown) => this.failed(error))
  }

  /** Handles a failed attempt, and waits if no peer holds the blocks. @returns whether to make another attempt now */
  async #goesOnAfter(error: unknown, { move, again, signal }: Attempt): Promise<boolean> {
    const { life, route } = this.#parts
    if (error instanceof StageError) {
      // The refusal of a successor only ends the move: the former version still has the leaving stage.
      const successorRefused = move?.to.some(
        ({ peer, range }) => peer === error.peer && range.start === error.range.start,
      )
      if (successorRefused === true) return true
      this.#losses.refuse(error, route.stages)
      if (!again.has(error.peer)) return true
    } else if (!nobodyNow(error)) {
      life.end(this.#losses.final(error))
      return false
    }
    try {
      const awaited = { losses: this.#losses, wait: this.#replacementWait, wish: this.wish, error }
      await awaitReplacement(this.#context, this.#parts, awaited, signal)
    } catch (over) {
      if (!signal.aborted) life.end(this.#losses.final(over))
    }
    return true
  }
}
