import { sleep, type Clock } from '@shoal/host'
import { blobLimits } from '../limits.ts'

/**
 * Answers the requests of one network for pieces of weights at a pace, after some at once. Reading, enciphering and sending
 * a piece takes processor time that sessions want as well, and a request for a single byte takes nearly as much.
 */
export class RequestPace {
  readonly #clock: Clock
  /** When the next request of an asker would be due if all of them had kept to the pace. */
  readonly #dueMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when a request of this asker may be answered. */
  async turn(asker: string): Promise<void> {
    const nowMs = this.#clock.nowMs()
    const { atOnce, everyMs } = blobLimits.requests
    const dueMs = Math.max(nowMs, this.#dueMs.get(asker) ?? 0)
    this.#dueMs.delete(asker)
    this.#dueMs.set(asker, dueMs + everyMs)
    // Those that asked longest ago are at the beginning.
    for (const [other, otherMs] of this.#dueMs) {
      if (otherMs > nowMs && this.#dueMs.size <= blobLimits.pacedAskers) break
      this.#dueMs.delete(other)
    }
    const waitMs = dueMs - nowMs - atOnce * everyMs
    if (waitMs > 0) await sleep(this.#clock, waitMs)
  }
}
