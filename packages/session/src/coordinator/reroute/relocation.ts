import { messageOf, ShoalError, sleep, type Timer, orAborted } from '@shoal/host'
import { limits, type SessionMessage } from '@shoal/protocol'
import { movedRoute } from '../../route/replay-rules.ts'
import { sessionLimits } from '../../route/limits.ts'
import { createOpening, failureOf, lossOf, type Opening, type OpenStage } from '../opening/opening-stages.ts'
import type { RelocationContext } from './relocation-context.ts'
import { checkRoute } from '../../route/route-rules.ts'
import { nameStage, StageError } from '../../route/stage-error.ts'
import type { Route, RouteStage } from '../../route/types.ts'

/** A new version of the route in which others have the blocks of a stage that leaves. */
export interface RouteMove {
  readonly from: RouteStage
  /** They have made room. */
  readonly to: Route
  /** The route of this epoch is being opened: the leaving stage computes no more, and sends the rest. */
  begin(epoch: number): void
  /** It is in use; or, with an error, the one before still is. */
  end(error: Error | null): void
}

/** Moves the blocks of stages that leave to other peers while the session goes on. One at a time. */
export interface Relocation {
  /** @returns whether the message was about a move */
  receive(peer: string, message: SessionMessage): boolean
  lost(peer: string, error: Error | undefined): void
  /** The move that the next version of this route has to make, if any; the caller ends it. */
  take(route: Route): RouteMove | null
  /** A move waits for the next version of the route. */
  readonly due: boolean
  /** There is a route, or a new version of it. */
  rerouted(): void
  /** A step was answered, and whoever waited for it has not had its turn: the best moment for a route to change hands. */
  answered(): void
  /** A route is being opened that does not have the stage any more: resolves when its successors have been told so. */
  withdraw(route: Route): Promise<void>
}

/** A stage that leaves, and those that have made room for what it has. */
interface Transfer {
  readonly from: RouteStage
  readonly to: Route
  readonly epoch: number
  readonly opening: Opening
  readonly handed: PromiseWithResolvers<void>
  readonly stop: AbortController
  /** Resolves when nothing is left of it. */
  readonly over: PromiseWithResolvers<void>
  begun: boolean
}

export function createRelocation(context: RelocationContext): Relocation {
  const { session, clock, logger, signal, find } = context
  const leaving = new Set<RouteStage>()
  /** Said so while the route was being opened: `peer/start`. */
  const early = new Set<string>()
  let transfer: Transfer | null = null
  let due: RouteMove | null = null
  let running = false
  let awaitsAnswer = false

  const openStageOf = (stage: RouteStage): OpenStage | undefined =>
    context.stages().find((open) => open.stage === stage)

  const run = async (finding: NonNullable<typeof find>): Promise<void> => {
    running = true
    for (const stage of leaving) {
      await moveAway(stage, finding)
      leaving.delete(stage)
    }
    running = false
  }

  const look = (): void => {
    for (const { stage } of context.stages())
      if (early.delete(nameOf(stage.peer, stage.range.start))) leaving.add(stage)
    if (!running && leaving.size > 0 && find !== null) void run(find)
  }

  /** Until it has been moved, or is no stage of the route any more. Whoever leaves decides how long it waits for that. */
  const moveAway = async (stage: RouteStage, finding: NonNullable<typeof find>): Promise<void> => {
    const avoid = new Set<string>()
    let handOvers = 0
    let toldReason = ''
    const failed = (to: Route, error: unknown): void => {
      const reason = messageOf(error)
      // While nobody has the blocks it is the same twice a second.
      if (reason !== toldReason)
        logger.info('move-failed', { session, from: nameStage(stage), to: to.map(nameStage), reason })
      toldReason = reason
    }
    const pause = (): Promise<void> => sleep(clock, context.times.moveRetryMs, signal).catch(() => undefined)

    for (let from = openStageOf(stage); from !== undefined && !signal.aborted; from = openStageOf(stage)) {
      let to: Route
      try {
        to = await orAborted(
          finding(stage.range, new Set([...[...leaving].map(({ peer }) => peer), ...avoid])),
          signal,
        )
        checkRoute(to, stage.range)
      } catch (error) {
        failed([], error)
        // Nobody else is left: those who could not may be able to next time.
        avoid.clear()
        await pause()
        continue
      }
      if (context.busy()) {
        // What is being repaired may be this very stage.
        await pause()
        continue
      }
      try {
        // What a group has is spread over its ranks.
        if (from.ranks === 1 && handOvers < sessionLimits.maxHandOvers && to.length <= limits.maxSuccessors) {
          const taken = await handOver(from, to, () => (handOvers += 1))
          if (taken) return
        }
        // Their bits would differ, or handing over does not work: they compute it all again.
        await withRoom(from, to, false, (transfer) => changeHands(transfer, false))
        return
      } catch (error) {
        if (signal.aborted) return
        failed(to, error)
        await loseWhoeverHangs(
          context.stages().map((open) => open.stage),
          signal,
        ).catch(() => undefined)
        if (error instanceof StageError && to.some(({ peer }) => peer === error.peer)) avoid.add(error.peer)
        else await pause()
      }
    }
  }

  /** @returns false when their bits would differ, so that what was computed is of no use to them @throws when the session still is where it was */
  const handOver = (from: OpenStage, to: Route, begun: () => void): Promise<boolean> =>
    withRoom(from, to, true, async (current, successors, stopped) => {
      if (
        successors.some(({ numericClass }) => numericClass !== from.numericClass || numericClass === 'none')
      )
        return false
      begun()
      const { epoch } = current
      const post = (list: Route): void => {
        const successorsOf = list.map(({ peer, addresses, range }) => ({ peer, addresses, ...range }))
        openStageOf(from.stage)?.link.outbox.post({
          type: 'hand-over',
          session,
          start: from.stage.range.start,
          epoch,
          to: successorsOf,
        })
      }
      post(to)
      try {
        await mostHandedOver(current, stopped)
        await changeHands(current, true)
      } catch (error) {
        post([])
        throw error
      }
      return true
    })

  /** Makes room at successors, and frees it again unless they have become stages of the route. */
  const withRoom = async <Value>(
    from: OpenStage,
    to: Route,
    restore: boolean,
    work: (transfer: Transfer, successors: readonly OpenStage[], stopped: AbortSignal) => Promise<Value>,
  ): Promise<Value> => {
    const epoch = context.nextEpoch()
    const route = movedRoute(
      context.stages().map(({ stage }) => stage),
      from.stage,
      to,
    )
    const requests = context.requests(route, epoch).filter(({ stage }) => to.includes(stage))
    const opening = createOpening(
      context,
      restore
        ? requests.map((request) => ({
            ...request,
            message: { ...request.message, restore: from.stage.peer },
          }))
        : requests,
    )
    const current: Transfer = {
      from: from.stage,
      to,
      epoch,
      opening,
      handed: Promise.withResolvers(),
      stop: new AbortController(),
      over: Promise.withResolvers(),
      begun: false,
    }
    // Whatever ends it may come before anybody waits for it.
    current.handed.promise.catch(() => undefined)
    transfer = current
    let successors: readonly OpenStage[] = []
    try {
      const stopped = AbortSignal.any([signal, current.stop.signal])
      successors = await opening.run(stopped)
      if (opening.failure !== null) throw opening.failure
      return await work(current, successors, stopped)
    } finally {
      transfer = null
      for (const { stage, link } of successors) {
        if (openStageOf(stage) === undefined)
          link.outbox.post({ type: 'close', session, start: stage.range.start })
        link.release()
      }
      current.over.resolve()
    }
  }

  /** While no step is under way no deadline finds a stage that hangs; a move does. @returns the first that answers no ping */
  const loseWhoeverHangs = async (among: Route, until: AbortSignal): Promise<StageError | null> => {
    const silent = await context.findSilent(among, until)
    const hung = silent.map(
      (stage) =>
        new StageError(
          stage,
          'deadline-passed',
          `it answers no ping within ${context.times.suspectPingMs} ms`,
        ),
    )
    for (const [index, stage] of silent.entries())
      if (openStageOf(stage) !== undefined) context.stageLost(hung[index]!)
    return hung[0] ?? null
  }

  /** Until little is left, or one of both sides hangs. */
  const mostHandedOver = async ({ from, to, handed }: Transfer, stopped: AbortSignal): Promise<void> => {
    let settled = false
    const settle = (): void => {
      settled = true
    }
    handed.promise.then(settle, settle)
    for (;;) {
      await orAborted(
        Promise.race([handed.promise, sleep(clock, context.times.keepAliveMs, stopped)]),
        stopped,
      )
      if (settled) return
      const hung = await loseWhoeverHangs([from, ...to], stopped)
      if (hung !== null) throw hung
    }
  }

  /** @param restored they have its keys and values, but for the last */
  const changeHands = async (current: Transfer, restored: boolean): Promise<void> => {
    const { from, to, stop } = current
    const over = Promise.withResolvers<void>()
    let timer: Timer | null = null
    due = {
      from,
      to,
      begin(epoch) {
        current.begun = true
        if (!restored) return
        openStageOf(from)?.link.outbox.post({ type: 'let-go', session, start: from.range.start, epoch })
        const { letGoTimeoutMs } = context.times
        timer = clock.after(letGoTimeoutMs, () =>
          context.abort(
            new ShoalError('deadline-passed', `the blocks did not change hands within ${letGoTimeoutMs} ms`),
          ),
        )
      },
      end(error) {
        timer?.cancel()
        current.begun = false
        if (error === null) over.resolve()
        else over.reject(error)
      },
    }
    // Rows that are under way would have to go through the stages again.
    awaitsAnswer = context.stepsUnderWay() > 0
    const patience = clock.after(context.times.stepDeadlineMsMin, beginDue)
    if (!awaitsAnswer) context.reroute()
    try {
      await orAborted(over.promise, AbortSignal.any([signal, stop.signal]))
    } finally {
      patience.cancel()
      awaitsAnswer = false
      due = null
    }
  }

  const beginDue = (): void => {
    if (awaitsAnswer && due !== null) context.reroute()
  }

  const fail = (error: Error): void => {
    if (transfer === null) return
    transfer.handed.reject(error)
    if (transfer.begun) context.abort(error)
  }

  return {
    receive(peer, message) {
      if (message.type === 'leaving') {
        if (early.size < limits.maxStages) early.add(nameOf(peer, message.start))
        look()
        return true
      }
      if (message.type === 'handed-over') {
        if (transfer?.from.peer === peer && transfer.epoch === message.epoch) transfer.handed.resolve()
        return true
      }
      if ((message.type !== 'opened' && message.type !== 'failed') || message.epoch !== transfer?.epoch)
        return false
      // What a successor says of the stage after it is this one's failure too: another one may reach that.
      const about =
        transfer.to.find(({ range }) => range.start === message.start) ??
        transfer.to.find((stage) => stage.peer === peer)
      if (about === undefined) return true
      transfer.opening.receive(peer, { ...message, start: about.range.start })
      if (message.type === 'failed') fail(failureOf(about, message))
      return true
    },
    lost(peer, error) {
      const successor = transfer?.to.find((stage) => stage.peer === peer)
      if (successor === undefined) return
      transfer?.opening.lost(peer, error)
      transfer?.handed.reject(lossOf(successor, error))
    },
    take(route) {
      const taken = due
      due = null
      if (taken === null || route.includes(taken.from)) return taken
      taken.end(new ShoalError('cancelled', 'the stage is no part of the route any more'))
      return null
    },
    get due() {
      return due !== null
    },
    rerouted: look,
    answered: beginDue,
    async withdraw(route) {
      if (transfer === null || route.includes(transfer.from)) return
      const { stop, over } = transfer
      stop.abort(new ShoalError('cancelled', 'the stage is no part of the route any more'))
      await over.promise
    },
  }
}

const nameOf = (peer: string, start: number): string => `${peer}/${start}`
