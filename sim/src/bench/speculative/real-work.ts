import { sleep, type VirtualClock } from '@shoal/host'
import { turnOfEventLoop } from '../../turn.ts'

/** Runs virtual time beside work of the real machine, which takes a virtual time of its own. */
export class RealWork {
  readonly #clock: VirtualClock
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  /** The work's result, when so much virtual time has passed. */
  async take<Value>(work: Promise<Value>, durationMs: number): Promise<Value> {
    this.#underWay.add(work)
    try {
      return await work
    } finally {
      this.#underWay.delete(work)
      await sleep(this.#clock, durationMs)
    }
  }

  /** Lets virtual time pass until the promise settles; it stands still while the real machine works. */
  async until<Value>(promise: Promise<Value>): Promise<Value> {
    let over = false
    const end = (): void => {
      over = true
    }
    promise.then(end, end)
    for (;;) {
      await turnOfEventLoop()
      if (over) return promise
      if (this.#underWay.size > 0) await Promise.race(this.#underWay)
      else if (this.#clock.dueMs() === null) throw new Error('nothing is left to happen')
      else this.#clock.step()
    }
  }
}
