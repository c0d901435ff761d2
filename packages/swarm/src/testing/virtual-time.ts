import { createVirtualClock, type VirtualClock } from '@shoal/host'

/** Runs everything that waits for promises only. */
export async function settle(turns = 100): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
}

/** A virtual clock that advances by milliseconds, and lets promises settle after each one in which a timer ran. */
export class VirtualTime {
  readonly clock: VirtualClock
  readonly #label: string
  #timersRun = 0

  /** @param label for the message of a wait that fails */
  constructor(label: string) {
    const clock = createVirtualClock()
    this.#label = label
    this.clock = {
      ...clock,
      after: (delayMs, action) =>
        clock.after(delayMs, () => {
          this.#timersRun += 1
          action()
        }),
    }
  }

  async run(durationMs: number): Promise<void> {
    await settle()
    for (let leftMs = durationMs; leftMs > 0; leftMs -= 1) {
      const before = this.#timersRun
      this.clock.advance(1)
      if (this.#timersRun > before) await settle(40)
    }
  }

  /** @returns virtual milliseconds until `holds` was true @throws when it is false for `withinMs` */
  async until(holds: () => boolean, withinMs: number): Promise<number> {
    const startMs = this.clock.nowMs()
    while (!holds()) {
      if (this.clock.nowMs() - startMs >= withinMs)
        throw new Error(`it does not hold after ${withinMs} virtual ms (${this.#label})`)
      await this.run(1)
    }
    return this.clock.nowMs() - startMs
  }

  /** Runs until `promise` has settled; a minute at most. */
  async finished<Value>(promise: Promise<Value>): Promise<Value> {
    let over = false
    const end = (): void => {
      over = true
    }
    promise.then(end, end)
    await this.until(() => over, 60_000)
    return promise
  }
}
