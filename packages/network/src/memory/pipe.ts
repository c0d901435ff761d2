import type { Clock } from '@shoal/host'

/** One direction of a link: what is put in comes out in the same order, each after its delay, unless the link is stopped. */
export interface Pipe {
  put(delayMs: number, arrive: () => void): void
  /** Holds everything, what is under way too. */
  stop(): void
  /** Lets go, in order, what is due. */
  start(): void
  /** Loses everything. */
  clear(): void
  /** What has been put in and has not come out. */
  size(): number
}

export function createPipe(clock: Clock): Pipe {
  let queue: (() => void)[] = []
  /** Arrivals whose time has come while the pipe was stopped. */
  let due = 0
  let lastDueMs = 0
  let pendingTimers = 0
  let stopped = false
  let generation = 0

  const arriveNext = (): void => {
    if (stopped) due += 1
    else queue.shift()?.()
  }

  return {
    put(delayMs, arrive) {
      const nowMs = clock.nowMs()
      lastDueMs = Math.max(lastDueMs, nowMs + delayMs)
      const mine = generation
      queue.push(arrive)
      // Without delay a microtask keeps a test fast and as deterministic as a timer; behind a timer it would overtake.
      if (lastDueMs <= nowMs && pendingTimers === 0) {
        queueMicrotask(() => {
          if (mine === generation) arriveNext()
        })
        return
      }
      pendingTimers += 1
      clock.after(lastDueMs - nowMs, () => {
        if (mine !== generation) return
        pendingTimers -= 1
        arriveNext()
      })
    },
    stop() {
      stopped = true
    },
    start() {
      stopped = false
      for (; due > 0 && !stopped; due -= 1) queue.shift()?.()
    },
    clear() {
      generation += 1
      queue = []
      due = 0
      pendingTimers = 0
    },
    size: () => queue.length,
  }
}
