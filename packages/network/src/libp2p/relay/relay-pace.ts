import type { Clock } from '@shoal/host'

export interface Rate {
  readonly bytesPerSecond: number
  /** What may be used at once after a pause. */
  readonly burstBytes: number
}

/** Says when bytes that were relayed are paid for. */
export class RelayPace {
  readonly #rate: Rate
  readonly #clock: Pick<Clock, 'nowMs'>
  /** When everything that has passed is paid for, less the burst. */
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
