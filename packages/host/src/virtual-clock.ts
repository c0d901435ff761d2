import type { Clock } from './clock.ts'
import { DueQueue, type DueAction } from './due-queue.ts'

/** A clock that moves only when told to: for unit tests and the simulator. */
export interface VirtualClock extends Clock {
  /** Moves time forward, running due actions in order of their due time, then of their creation. */
  advance(durationMs: number): void
  /** Runs the next pending action and moves time to it; false when nothing is pending. */
  step(): boolean
  /** When the next pending action is due; null when nothing is pending. */
  dueMs(): number | null
  /** Number of pending actions. */
  pending(): number
}

export function createVirtualClock(startMs = 0): VirtualClock {
  let nowMs = startMs
  let created = 0
  let pending = 0
  const queue = new DueQueue()

  const run = (first: DueAction): void => {
    const { action } = first
    queue.removeFirst()
    nowMs = Math.max(nowMs, first.dueMs)
    first.action = null
    pending -= 1
    action?.()
  }

  return {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    after(delayMs, action) {
      const added: DueAction = { dueMs: nowMs + Math.max(0, delayMs), order: created, action }
      created += 1
      pending += 1
      queue.add(added)
      return {
        cancel() {
          if (added.action === null) return
          added.action = null
          pending -= 1
        },
      }
    },
    advance(durationMs) {
      const untilMs = nowMs + durationMs
      for (let first = queue.first(); first !== undefined && first.dueMs <= untilMs; first = queue.first())
        run(first)
      nowMs = untilMs
    },
    step() {
      const first = queue.first()
      if (first === undefined) return false
      run(first)
      return true
    },
    dueMs: () => queue.first()?.dueMs ?? null,
    pending: () => pending,
  }
}
