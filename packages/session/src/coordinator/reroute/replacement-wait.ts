import { messageOf, ShoalError, sleep, type Clock } from '@shoal/host'
import { sessionLimits, type SessionTimes } from '../../route/limits.ts'

/**
 * The wait for a peer that holds lost blocks. The route finder is asked at growing intervals, and the whole wait is
 * limited.
 */
export interface ReplacementWait {
  /** Whether a wait has begun and no step has been answered since. */
  readonly waiting: boolean
  /** How long ago it began; 0 before it has. */
  readonly waitedMs: number
  /**
   * Resolves when it is time to ask the route finder again.
   * @param reason why nobody holds the blocks now
   * @param crowded whether peers hold them whose memory other sessions use: these end later than a load does
   * @throws {ShoalError} `no-route` with that reason when the time is over; the signal's reason
   */
  wait(reason: unknown, signal: AbortSignal, crowded?: boolean): Promise<void>
  /** A step was answered, so the next wait begins anew. */
  reset(): void
}

export function createReplacementWait(
  clock: Clock,
  { replacementWaitMs, roomWaitMs }: Pick<SessionTimes, 'replacementWaitMs' | 'roomWaitMs'>,
): ReplacementWait {
  let beganMs: number | null = null
  let pauseMs: number = sessionLimits.routeRetryMsMin
  return {
    get waiting() {
      return beganMs !== null
    },
    get waitedMs() {
      return beganMs === null ? 0 : clock.nowMs() - beganMs
    },
    async wait(reason, signal, crowded = false) {
      beganMs ??= clock.nowMs()
      const longestMs = crowded ? Math.max(replacementWaitMs, roomWaitMs) : replacementWaitMs
      const leftMs = beganMs + longestMs - clock.nowMs()
      if (leftMs <= 0)
        throw new ShoalError('no-route', `${messageOf(reason)} (waited ${longestMs / 1000} s)`, {
          cause: reason,
        })
      // The last question to the route finder comes at the end of the whole wait, not after it.
      const delayMs = Math.min(pauseMs, leftMs)
      pauseMs = Math.min(pauseMs * 2, sessionLimits.routeRetryMsMax)
      await sleep(clock, delayMs, signal)
    },
    reset() {
      beganMs = null
      pauseMs = sessionLimits.routeRetryMsMin
    },
  }
}
