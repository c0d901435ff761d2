import { messageOf, ShoalError, sleep, type Clock } from '@shoal/host'
import { sessionLimits, type SessionTimes } from '../../route/limits.ts'

/**
 * The wait for a peer that holds lost blocks. The route finder is asked at growing intervals, and the whole wait is
 * limited.
 */
export interface ReplacementWait {
  /** Whether a wait has begun and no step has been answered since. */
  readonly waiting: boolean
  /**
   * Resolves when it is time to ask the route finder again.
   * @param reason why nobody holds the blocks now
   * @throws {ShoalError} `no-route` with that reason when the time is over; the signal's reason
   */
  wait(reason: unknown, signal: AbortSignal): Promise<void>
  /** A step was answered, so the next wait begins anew. */
  reset(): void
}

export function createReplacementWait(
  clock: Clock,
  { replacementWaitMs }: Pick<SessionTimes, 'replacementWaitMs'>,
): ReplacementWait {
  let endsMs: number | null = null
  let pauseMs: number = sessionLimits.routeRetryMsMin
  return {
    get waiting() {
      return endsMs !== null
    },
    async wait(reason, signal) {
      endsMs ??= clock.nowMs() + replacementWaitMs
      const leftMs = endsMs - clock.nowMs()
      if (leftMs <= 0)
        throw new ShoalError('no-route', `${messageOf(reason)} (waited ${replacementWaitMs / 1000} s)`, {
          cause: reason,
        })
      // The last question to the route finder comes at the end of the whole wait, not after it.
      const delayMs = Math.min(pauseMs, leftMs)
      pauseMs = Math.min(pauseMs * 2, sessionLimits.routeRetryMsMax)
      await sleep(clock, delayMs, signal)
    },
    reset() {
      endsMs = null
      pauseMs = sessionLimits.routeRetryMsMin
    },
  }
}
