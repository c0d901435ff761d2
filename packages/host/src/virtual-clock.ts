import type { Clock, Timer } from './clock.ts'

/** A clock that moves only when told to: unit tests and the simulator. */
export interface VirtualClock extends Clock {
  /** Moves time forward, running due actions in order of their due time, then of their creation. */
  advance(durationMs: number): void
  /** Runs the next pending action and moves time to it; false when nothing is pending. */
  step(): boolean
}

interface Pending {
  dueMs: number
  order: number
  action: () => void
}

export function createVirtualClock(startMs = 0): VirtualClock {
  let nowMs = startMs
  let order = 0
  const pending: Pending[] = []

  const takeNext = (untilMs: number): Pending | undefined => {
    let next: Pending | undefined
    for (const entry of pending) {
      if (entry.dueMs > untilMs) continue
      if (next === undefined || entry.dueMs < next.dueMs || (entry.dueMs === next.dueMs && entry.order < next.order)) next = entry
    }
    if (next !== undefined) pending.splice(pending.indexOf(next), 1)
    return next
  }

  return {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    after(delayMs, action): Timer {
      const entry: Pending = { dueMs: nowMs + Math.max(0, delayMs), order, action }
      order += 1
      pending.push(entry)
      return {
        cancel() {
          const index = pending.indexOf(entry)
          if (index >= 0) pending.splice(index, 1)
        },
      }
    },
    advance(durationMs) {
      const untilMs = nowMs + durationMs
      for (let next = takeNext(untilMs); next !== undefined; next = takeNext(untilMs)) {
        nowMs = next.dueMs
        next.action()
      }
      nowMs = untilMs
    },
    step() {
      const next = takeNext(Number.POSITIVE_INFINITY)
      if (next === undefined) return false
      nowMs = next.dueMs
      next.action()
      return true
    },
  }
}
