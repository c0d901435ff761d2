import type { Clock } from '@shoal/host'

/** Notices that this peer itself stood still (a stopped process, a laptop that slept): its own turns did not come. */
export interface Standstill {
  /** A turn has come. */
  turn(): void
  /** @returns how long it stood still, each stretch told once; 0 for turns that are late by less than one */
  takeMs(): number
  /**
   * Turns that did not come, of late. What others sent meanwhile comes in at once and is no flood of theirs; it may take
   * more than one turn, so each of them halves the number.
   */
  missedTurns(): number
}

/**
 * Asked before anything that comes in is believed, not only at the turns: who wakes reads its sockets before its timers
 * run. News that was read before the standstill was counted would get it on top of its deadline: after an hour of sleep
 * a peer whose last beat lay in a socket would be held alive for another hour.
 */
export function createStandstill(clock: Clock, turnIntervalMs: number): Standstill {
  let turnedMs = clock.nowMs()
  /** Since that turn. */
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
