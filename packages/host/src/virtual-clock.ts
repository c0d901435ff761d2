import type { Clock, Timer } from './clock.ts'

/** A clock that moves only when told to: unit tests and the simulator. */
export interface VirtualClock extends Clock {
  /** Moves time forward, running due actions in order of their due time, then of their creation. */
  advance(durationMs: number): void
  /** Runs the next pending action and moves time to it; false when nothing is pending. */
  step(): boolean
  /** When the next pending action is due; null when nothing is pending. */
  dueMs(): number | null
  /** Actions that wait. */
  pending(): number
}

interface Pending {
  readonly dueMs: number
  readonly order: number
  /** Null once it has run or was cancelled. */
  action: (() => void) | null
}

export function createVirtualClock(startMs = 0): VirtualClock {
  let nowMs = startMs
  let order = 0
  let waiting = 0
  /** A binary heap: a parent is due before its children. What was cancelled leaves when it comes to the top. */
  const heap: Pending[] = []

  const place = (entry: Pending, from: number): void => {
    let at = from
    for (; at > 0;) {
      const above = (at - 1) >> 1
      const parent = heap[above]!
      if (!isBefore(entry, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = entry
  }

  const removeTop = (): void => {
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1
      if (!isBefore(heap[below]!, last)) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = last
  }

  const next = (): Pending | undefined => {
    while (heap.length > 0 && heap[0]!.action === null) removeTop()
    return heap[0]
  }

  const runTop = (top: Pending): void => {
    const { action } = top
    removeTop()
    nowMs = Math.max(nowMs, top.dueMs)
    top.action = null
    waiting -= 1
    action?.()
  }

  return {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    after(delayMs, action): Timer {
      const entry: Pending = { dueMs: nowMs + Math.max(0, delayMs), order, action }
      order += 1
      waiting += 1
      heap.push(entry)
      place(entry, heap.length - 1)
      return {
        cancel() {
          if (entry.action === null) return
          entry.action = null
          waiting -= 1
        },
      }
    },
    advance(durationMs) {
      const untilMs = nowMs + durationMs
      for (let top = next(); top !== undefined && top.dueMs <= untilMs; top = next()) runTop(top)
      nowMs = untilMs
    },
    step() {
      const top = next()
      if (top === undefined) return false
      runTop(top)
      return true
    },
    dueMs: () => next()?.dueMs ?? null,
    pending: () => waiting,
  }
}

function isBefore(a: Pending, b: Pending): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
}
