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
  /** Peers on the version that were lost before, and that nobody can stand in for. */
  again: ReadonlySet<string> = new Set()
  /** Null until one has been issued. */
  epoch: number | null = null
  readonly #context: SessionContext
  readonly #route: ActiveRoute
  readonly #stop = new AbortController()
  #move: DueMove | null
  #opening: Opening | null = null
  #letGoTimer: Timer | null = null

  /** @param move what this version has to do besides, or only */
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

  /** The stages that are asked now; null before and after. */
  get opening(): Opening | null {
    return this.#opening
  }

  /** The move that this version makes; null without one, also when its stage was lost meanwhile. */
  get move(): Move | null {
    return this.#move?.change ?? null
  }

  /** Whether something was lost meanwhile, or a move's time is over. */
  get stopped(): boolean {
    return this.#stop.signal.aborted
  }

  stop(error: Error): void {
    this.#stop.abort(error)
  }

  /** Stops an attempt that has begun to move blocks. */
  stopMove(error: Error): void {
    if (this.#move !== null && this.#opening !== null) this.stop(error)
  }

  /**
   * Opens the stages of `planned`, of which this attempt's move replaces one.
   * @throws {StageError} a stage's refusal, or that it cannot be reached; the signal's reason
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

  /** The attempt is over: its version is in use, or, with an error, the one before it still is. */
  settle(error: Error | null): void {
    this.#letGoTimer?.cancel()
    this.#opening = null
    this.#move?.settle(error)
  }

  /** The leaving stage computes no more from here on, and sends the last rows. */
  #letGo({ from }: Move, epoch: number): void {
    const { session } = this.#context.options
    const { letGoTimeoutMs } = this.#context.times
    const leaving = this.#route.openStage(from)
    leaving?.link.outbox.post({ type: 'let-go', session, start: from.range.start, epoch })
    this.#letGoTimer = this.#context.clock.after(letGoTimeoutMs, () =>
      this.stop(
        new ShoalError('deadline-passed', `the blocks did not change hands within ${letGoTimeoutMs} ms`),
      ),
    )
  }
}
