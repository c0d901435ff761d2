import { ShoalError } from '@shoal/host'
import type { SessionFailed, SessionOpened } from '@shoal/protocol'
import { movedRoute } from '../../../route/replay-rules.ts'
import type { Route, RouteStage } from '../../../route/types.ts'
import type { ActiveRoute } from '../../active-route.ts'
import { failureOf, lossOf } from '../../opening/accusations.ts'
import { createOpening, type Opening, type OpenStage } from '../../opening/opening-stages.ts'
import { openRequests, type SessionContext } from '../../session-context.ts'
import type { SessionLife } from '../../session-life.ts'

/** A leaving stage, and the successors that have reserved memory for its part of the session. */
export interface Transfer {
  readonly successors: readonly OpenStage[]
  /** Aborts when the leaving stage is no longer on the route, or when the session ends. */
  readonly signal: AbortSignal
  /** Tells the leaving stage to send its caches to the successors. It continues to serve meanwhile. */
  start(): void
  /** Tells the leaving stage to stop sending its caches. */
  cancel(): void
  /** Resolves when few rows are left to be sent. Rejects when a successor fails. */
  readonly mostHandedOver: Promise<void>
}

interface Current {
  readonly from: RouteStage
  readonly to: Route
  readonly epoch: number
  readonly opening: Opening
  readonly handed: PromiseWithResolvers<void>
  readonly stop: AbortController
  /** Resolves when the transfer is over and successors that are not needed have been told to close. */
  readonly over: PromiseWithResolvers<void>
}

/**
 * Prepares the successors of a leaving stage: they reserve memory, receive its caches, and free the memory again unless
 * they have become stages of the route. There is one transfer at a time.
 */
export class Transfers {
  readonly #context: SessionContext
  readonly #life: SessionLife
  readonly #route: ActiveRoute
  #current: Current | null = null

  constructor(context: SessionContext, life: SessionLife, route: ActiveRoute) {
    this.#context = context
    this.#life = life
    this.#route = route
  }

  /**
   * Makes room at successors while `work` runs.
   * @param restore true when the successors are to receive the caches of `from`; otherwise they compute the rows again
   * @throws {StageError} when a successor refuses or cannot be reached; also whatever `work` throws
   */
  async withRoom<Value>(
    from: RouteStage,
    to: Route,
    restore: boolean,
    work: (transfer: Transfer) => Promise<Value>,
  ): Promise<Value> {
    const epoch = this.#route.issueEpoch()
    const opening = this.#createOpening(from, to, epoch, restore)
    const current: Current = {
      from,
      to,
      epoch,
      opening,
      handed: Promise.withResolvers(),
      stop: new AbortController(),
      over: Promise.withResolvers(),
    }
    // A failure may come before anybody waits for this promise.
    current.handed.promise.catch(() => undefined)
    this.#current = current
    let successors: readonly OpenStage[] = []
    try {
      const signal = AbortSignal.any([this.#life.signal, current.stop.signal])
      successors = await opening.run(signal)
      if (opening.failure !== null) throw opening.failure
      return await work({
        successors,
        signal,
        start: () => this.#post(current, to),
        cancel: () => this.#post(current, []),
        mostHandedOver: current.handed.promise,
      })
    } finally {
      this.#current = null
      this.#leave(successors)
      current.over.resolve()
    }
  }

  /** Whether messages of this epoch are about the transfer that is under way. */
  concerns(epoch: number): boolean {
    return epoch === this.#current?.epoch
  }

  /** A successor's answer to `open`, or its report of a failure. @returns the failure */
  receive(peer: string, message: SessionOpened | SessionFailed): Error | null {
    const { to, opening, handed } = this.#current!
    // A failure that a successor reports about the stage after it also counts against the successor: another one may
    // reach that stage.
    const about =
      to.find(({ range }) => range.start === message.start) ?? to.find((stage) => stage.peer === peer)
    if (about === undefined) return null
    opening.receive(peer, { ...message, start: about.range.start })
    if (message.type !== 'failed') return null
    const failure = failureOf(about, message)
    handed.reject(failure)
    return failure
  }

  /** Handles the message in which the leaving stage says that it has sent all but the last rows. */
  handedOver(peer: string, epoch: number): void {
    const current = this.#current
    if (current?.from.peer === peer && current.epoch === epoch) current.handed.resolve()
  }

  /** The channel to a peer has ended. */
  lost(peer: string, error: Error | undefined): void {
    const current = this.#current
    const successor = current?.to.find((stage) => stage.peer === peer)
    if (current === null || successor === undefined) return
    current.opening.lost(peer, error)
    current.handed.reject(lossOf(successor, error))
  }

  /**
   * Ends the transfer when its leaving stage is not on the route that is about to be opened. Resolves when it has
   * ended.
   */
  async withdraw(route: Route): Promise<void> {
    const current = this.#current
    if (current === null || route.includes(current.from)) return
    current.stop.abort(new ShoalError('cancelled', 'the leaving stage is no longer on the route'))
    await current.over.promise
  }

  #createOpening(from: RouteStage, to: Route, epoch: number, restore: boolean): Opening {
    const route = movedRoute(this.#route.route, from, to)
    const requests = openRequests(this.#context, route, epoch).filter(({ stage }) => to.includes(stage))
    return createOpening(
      this.#context,
      restore
        ? requests.map((request) => ({ ...request, message: { ...request.message, restore: from.peer } }))
        : requests,
    )
  }

  #post({ from, epoch }: Current, to: Route): void {
    this.#route.openStage(from)?.link.outbox.post({
      type: 'hand-over',
      session: this.#context.options.session,
      start: from.range.start,
      epoch,
      to: to.map(({ peer, addresses, range }) => ({ peer, addresses, ...range })),
    })
  }

  #leave(successors: readonly OpenStage[]): void {
    const { session } = this.#context.options
    for (const { stage, link } of successors) {
      if (this.#route.openStage(stage) === undefined)
        link.outbox.post({ type: 'close', session, start: stage.range.start })
      link.release()
    }
  }
}
