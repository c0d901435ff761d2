import type { VirtualClock } from '@shoal/host'
import { settled } from '@shoal/host/testing'

/** Moves a virtual clock, and lets everything that a moment brings happen before the next. */
export interface PassingTime {
  /** Moves time second by second, so that messages arrive in between. */
  advance(durationMs: number): Promise<void>
  /** Moves time until the promise settles. */
  finished<Value>(promise: Promise<Value>): Promise<Value>
}

export function createPassingTime(clock: VirtualClock): PassingTime {
  return {
    async advance(durationMs) {
      for (let leftMs = durationMs; leftMs > 0; leftMs -= 1000) {
        clock.advance(Math.min(1000, leftMs))
        await settled(20)
      }
    },
    async finished(promise) {
      let over = false
      const end = (): void => {
        over = true
      }
      promise.then(end, end)
      await settled()
      while (!over) {
        clock.advance(1)
        await settled(20)
      }
      return promise
    },
  }
}
