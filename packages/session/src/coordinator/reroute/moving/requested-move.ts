import { orAborted, type Clock } from '@shoal/host'
import type { Move } from '../changes.ts'

/** A move that the next version of the route makes. */
export interface DueMove {
  readonly change: Move
  /** Says that the version is in use, or, with an error, that the one before it still is. */
  settle(error: Error | null): void
}

/** At most one move waits for a new version of the route, and for the best moment to open one: when no step is under way. */
export class RequestedMove {
  readonly #clock: Clock
  readonly #maxWaitMs: number
  readonly #begin: () => void
  #due: DueMove | null = null
  #awaitsAnswer = false

  /** @param begin opens a new version, unless one is being opened: that one takes the move, too */
  constructor(clock: Clock, maxWaitMs: number, begin: () => void) {
    this.#clock = clock
    this.#maxWaitMs = maxWaitMs
    this.#begin = begin
  }

  /**
   * Resolves when the move has been made.
   * @param stepsUnderWay rows under way would have to pass the stages again, so the move waits for their answers
   * @throws the reason for which the former version of the route still is in use, or that of `signal`
   */
  async request(change: Move, stepsUnderWay: boolean, signal: AbortSignal): Promise<void> {
    const made = Promise.withResolvers<void>()
    this.#due = { change, settle: (error) => (error === null ? made.resolve() : made.reject(error)) }
    this.#awaitsAnswer = stepsUnderWay
    const longest = this.#clock.after(this.#maxWaitMs, () => this.answered())
    if (!stepsUnderWay) this.#begin()
    try {
      await orAborted(made.promise, signal)
    } finally {
      longest.cancel()
      this.#awaitsAnswer = false
      this.#due = null
    }
  }

  /** A step was answered and its caller has not sent the next one: the best moment. */
  answered(): void {
    if (this.#awaitsAnswer && this.#due !== null) this.#begin()
  }

  get due(): boolean {
    return this.#due !== null
  }

  /** Hands the move to the version that is opened now. */
  take(): DueMove | null {
    const taken = this.#due
    this.#due = null
    return taken
  }
}
