import type { Clock } from '@shoal/host'

/** Notices that this peer itself stood still (a stopped process, a laptop that slept): its own turns did not come. */
export interface Standstill {
  /** A turn has come. */
  turn(): void
  /** @returns how long it stood still, each stretch told once; 0 for turns that are late by less than one */
  takeMs(): number
}

/**
 * Asked before anything that comes in is believed, not only at the turns: who wakes reads its sockets before its timers
 * run. News that was read before the standstill was counted would get it on top of its deadline: after an hour of sleep
 * a peer whose last beat lay in a socket would be held alive for another hour.
 */
export function createStandstill(clock: Clock, turnIntervalMs: number): Standstill {
  let countedMs = clock.nowMs()

  return {
    turn() {
      countedMs = clock.nowMs()
    },
    takeMs() {
      const lateMs = clock.nowMs() - countedMs - turnIntervalMs
      if (lateMs <= turnIntervalMs) return 0
      countedMs += lateMs
      return lateMs
    },
  }
}
