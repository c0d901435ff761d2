import type { Clock } from '@shoal/host'

/** A bucket of words: some at once, then one in each interval. */
export class Pace {
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #burst: number
  readonly #everyMs: number
  #left: number
  #countedMs: number

  constructor(clock: Pick<Clock, 'nowMs'>, burst: number, everyMs: number) {
    this.#clock = clock
    this.#burst = burst
    this.#everyMs = everyMs
    this.#left = burst
    this.#countedMs = clock.nowMs()
  }

  /** Time until a word may be taken; 0 for now. */
  waitMs(): number {
    this.#refill()
    return this.#left > 0 ? 0 : this.#countedMs + this.#everyMs - this.#clock.nowMs()
  }

  /** Counts a word, also one that came although none was left. */
  take(): void {
    this.#refill()
    this.#left = Math.max(0, this.#left - 1)
  }

  #refill(): void {
    const due = Math.floor((this.#clock.nowMs() - this.#countedMs) / this.#everyMs)
    if (due <= 0) return
    this.#left = Math.min(this.#burst, this.#left + due)
    this.#countedMs += due * this.#everyMs
  }
}
