import { ShoalError, type Clock } from '@shoal/host'
import { swarmLimits } from '../../limits.ts'

/** When a span that was lost is taken again. */
export interface Losses {
  /** @param reason why it was lost */
  retryMs(reason: unknown): number
}

export function createLosses(clock: Pick<Clock, 'nowMs'>): Losses {
  let lastMs = Number.NEGATIVE_INFINITY
  return {
    retryMs(reason) {
      const sinceMs = clock.nowMs() - lastMs
      lastMs = clock.nowMs()
      // A compute host that has ended can be started again at once, unless it ends again and again. A lost rank would only
      // be found still missing.
      const ended = reason instanceof ShoalError && reason.code === 'not-ready'
      return ended && sinceMs > swarmLimits.spanRetryMs ? swarmLimits.settleMs : swarmLimits.spanRetryMs
    },
  }
}
