import { orAborted, type Clock } from '@shoal/host'
import type { Move } from '../changes.ts'

/** A move that the next version of the route is to make, with a way to report its result. */
export interface DueMove {
  readonly change: Move
  /** Reports the result: null when the version is in use, an error when it was not installed. */
  settle(error: Error | null): void
}

/**
 * Holds at most one requested move until the best moment to open a new version of the route: when no step is under way.
 */
export class RequestedMove {
  readonly #clock: Clock
  readonly #maxWaitMs: number
  readonly #begin: () => void
  #due: DueMove | null = null
  #awaitsAnswer = false

  /**
   * @param begin opens a new version. While one is being opened, it does nothing, and the next attempt takes the move
   */
  constructor(clock: Clock, maxWaitMs: number, begin: () => void) {
    this.#clock = clock
    this.#maxWaitMs = maxWaitMs
    this.#begin = begin
  }

  /**
   * Resolves when the move has been made.
   * @param stepsUnderWay when true, the move waits for an answer, at most `maxWaitMs`: rows under way would be computed
   *   again
   * @throws the reason for which the move was not made, or the reason of `signal`
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

  /**
   * Called when a step was answered and the caller has not sent the next one yet, which is the best moment to begin.
   */
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
