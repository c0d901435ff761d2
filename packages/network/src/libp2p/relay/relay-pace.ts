import type { Clock } from '@shoal/host'

export interface Rate {
  readonly bytesPerSecond: number
  /** What may be used at once after a pause. */
  readonly burstBytes: number
}

/** A token bucket for relayed bytes. It may be overdrawn, since bytes are charged after they have passed. */
export class RelayPace {
  readonly #rate: Rate
  readonly #clock: Pick<Clock, 'nowMs'>
  /** When the bucket is empty of debt again: the end of the time that all charged bytes take at the rate, less the burst. */
  #paidMs = Number.NEGATIVE_INFINITY

  constructor(rate: Rate, clock: Pick<Clock, 'nowMs'>) {
    this.#rate = rate
    this.#clock = clock
  }

  /** Charges bytes that have passed. @returns for how many milliseconds no more should be read */
  charge(bytes: number): number {
    const nowMs = this.#clock.nowMs()
    const burstMs = (this.#rate.burstBytes / this.#rate.bytesPerSecond) * 1000
    this.#paidMs = Math.max(this.#paidMs, nowMs - burstMs) + (bytes / this.#rate.bytesPerSecond) * 1000
    return Math.max(0, this.#paidMs - nowMs)
  }
}
