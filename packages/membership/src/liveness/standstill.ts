import type { Clock } from '@shoal/host'

/** Notices by missed turns that this peer itself stood still (a stopped process, a laptop in suspend). */
export interface Standstill {
  /** Called at each turn. */
  turn(): void
  /**
   * @returns how long this peer stood still since the last call, in milliseconds; 0 when the turn is late by at most
   * one interval
   */
  takeMs(): number
  /**
   * Turns missed recently. What others sent during a standstill arrives all at once, and is no flood of theirs. Reading it
   * may take several turns, so each turn halves the number instead of resetting it.
   */
  missedTurns(): number
}

/**
 * `takeMs` is called before any news is believed, and not only at the turns, because a process that wakes reads its sockets
 * before its timers run. A deadline set by news that was read before the standstill was counted would be extended by the
 * standstill as well: after an hour of suspend, a dead peer whose last beat lay in a socket would count as alive for
 * another hour.
 */
export function createStandstill(clock: Clock, turnIntervalMs: number): Standstill {
  let turnedMs = clock.nowMs()
  /** Part of the standstill since `turnedMs` that `takeMs` has returned already. */
  let toldMs = 0
  let missed = 0
  const turnsSince = (): number => Math.floor((clock.nowMs() - turnedMs) / turnIntervalMs)

  return {
    turn() {
      missed = Math.max(turnsSince() - 1, Math.floor(missed / 2), 0)
      turnedMs = clock.nowMs()
      toldMs = 0
    },
    takeMs() {
      const lateMs = clock.nowMs() - turnedMs - toldMs - turnIntervalMs
      if (lateMs <= turnIntervalMs) return 0
      toldMs += lateMs
      return lateMs
    },
    missedTurns: () => Math.max(missed, turnsSince()),
  }
}
