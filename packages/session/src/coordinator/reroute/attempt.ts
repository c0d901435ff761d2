import { ShoalError, type Timer } from '@shoal/host'
import { movedRoute } from '../../route/replay-rules.ts'
import type { Route } from '../../route/types.ts'
import type { ActiveRoute, RouteVersion } from '../active-route.ts'
import { createOpening, type Opening } from '../opening/opening-stages.ts'
import { openRequests, type SessionContext } from '../session-context.ts'
import type { Move, RouteChange } from './changes.ts'
import type { DueMove } from './moving/requested-move.ts'
import type { Transfers } from './moving/transfers.ts'

/** One try to open a new version of a route. */
export class Attempt {
  readonly change: RouteChange
  /** Aborts with `stop`, or with the session. */
  readonly signal: AbortSignal
  /** Peers of the version that were lost before, and are used again because no other peer holds their blocks. */
  again: ReadonlySet<string> = new Set()
  /** Epoch of the version; null until one has been issued for it. */
  epoch: number | null = null
  readonly #context: SessionContext
  readonly #route: ActiveRoute
  readonly #stop = new AbortController()
  #move: DueMove | null
  #opening: Opening | null = null
  #letGoTimer: Timer | null = null

  /**
   * @param move the move that the version makes, besides a repair if stages are lost
   * @param otherwise why the version is opened when there is no move
   */
  constructor(
    context: SessionContext,
    route: ActiveRoute,
    session: AbortSignal,
    move: DueMove | null,
    otherwise: 'repair' | 'reopen',
  ) {
    this.#context = context
    this.#route = route
    this.#move = move
    this.change = move?.change ?? { kind: otherwise }
    this.signal = AbortSignal.any([session, this.#stop.signal])
  }

  /** The opening of the version's stages; null before and after it. */
  get opening(): Opening | null {
    return this.#opening
  }

  /** The move that this version makes; null without one, also when its stage was lost meanwhile. */
  get move(): Move | null {
    return this.#move?.change ?? null
  }

  /** Whether `stop` was called: a stage was lost meanwhile, or the move failed or took too long. */
  get stopped(): boolean {
    return this.#stop.signal.aborted
  }

  stop(error: Error): void {
    this.#stop.abort(error)
  }

  /** Stops the attempt when it has begun to open the stages of a move. */
  stopMove(error: Error): void {
    if (this.#move !== null && this.#opening !== null) this.stop(error)
  }

  /**
   * Opens the stages of `planned`, one of which the move (if any) replaces by its successors.
   * @throws {StageError} when a stage refuses or cannot be reached; also the signal's reason
   */
  async open(planned: Route, epoch: number, transfers: Transfers): Promise<RouteVersion> {
    if (this.move !== null && !planned.includes(this.move.from)) {
      this.#move?.settle(new ShoalError('cancelled', 'the stage was lost before it could be moved'))
      this.#move = null
    }
    await transfers.withdraw(planned)
    const { move } = this
    const route = move === null ? planned : movedRoute(planned, move.from, move.to)
    const open = new Set([...this.#route.route, ...(move?.to ?? [])])
    this.#opening = createOpening(this.#context, openRequests(this.#context, route, epoch, open))
    if (move?.restored === true) this.#letGo(move, epoch)
    const stages = await this.#opening.run(this.signal)
    return { epoch, stages, moved: move?.from ?? null, repaired: this.change.kind === 'repair' }
  }

  /**
   * Ends the attempt and tells its move the result: null when the version is in use, an error when it was not
   * installed.
   */
  settle(error: Error | null): void {
    this.#letGoTimer?.cancel()
    this.#opening = null
    this.#move?.settle(error)
  }

  /** Tells the leaving stage to stop computing and to send the last rows, and limits the time for that. */
  #letGo({ from }: Move, epoch: number): void {
    const { session } = this.#context.options
    const { letGoTimeoutMs } = this.#context.times
    const leaving = this.#route.openStage(from)
    leaving?.link.outbox.post({ type: 'let-go', session, start: from.range.start, epoch })
    this.#letGoTimer = this.#context.clock.after(letGoTimeoutMs, () =>
      this.stop(
        new ShoalError('deadline-passed', `the successors did not take over within ${letGoTimeoutMs} ms`),
      ),
    )
  }
}
