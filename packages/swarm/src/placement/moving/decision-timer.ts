import type { Clock, Timer } from '@shoal/host'

/** The time of the next decision: the soonest of all that were asked for. */
export class DecisionTimer {
  readonly #clock: Clock
  readonly #onDue: () => void
  #next: { readonly dueMs: number; readonly timer: Timer } | null = null
  #stopped = false

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  schedule(delayMs: number): void {
    const dueMs = this.#clock.nowMs() + delayMs
    if (this.#stopped || (this.#next !== null && this.#next.dueMs <= dueMs)) return
    this.#next?.timer.cancel()
    const timer = this.#clock.after(delayMs, () => {
      this.#next = null
      this.#onDue()
    })
    this.#next = { dueMs, timer }
  }

  stop(): void {
    this.#stopped = true
    this.#next?.timer.cancel()
    this.#next = null
  }
}
