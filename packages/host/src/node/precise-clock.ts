import { Worker } from 'node:worker_threads'
import type { Clock, Timer } from '../clock.ts'

/** What the thread is told instead of a time: nothing is due, and the end. */
export const neverNs = -1n
export const stopNs = -2n

/** A clock with a thread of its own; whoever made it closes it. */
export interface PreciseClock extends Clock {
  close(): void
}

interface Entry {
  readonly dueMs: number
  readonly action: () => void
}

/**
 * The system's time with timers that come 0.15 to 0.3 ms late, where those of the event loop come between 0.75 ms early
 * and 1.4 late: they count whole milliseconds. A thread sleeps until the next one is due (a wait on shared memory takes
 * fractions) and then wakes this one, so that nothing spins.
 */
export function createPreciseClock(): PreciseClock {
  const shared = new SharedArrayBuffer(16)
  const dueNs = new BigInt64Array(shared, 0, 1)
  const turns = new Int32Array(shared, 8, 1)
  dueNs[0] = neverNs
  const thread = new Worker(new URL('./precise-clock-thread.ts', import.meta.url), {
    workerData: shared,
    name: 'shoal-clock',
  })
  /** By due time; equals in the order in which they were made. */
  const pending: Entry[] = []
  let armedNs = neverNs
  let closed = false

  const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

  const tell = (ns: bigint): void => {
    armedNs = ns
    Atomics.store(dueNs, 0, ns)
    Atomics.add(turns, 0, 1)
    Atomics.notify(turns, 0)
  }
  const arm = (): void => {
    const next = pending[0]
    const ns = next === undefined ? neverNs : BigInt(Math.round(next.dueMs * 1e6))
    if (!closed && ns !== armedNs) tell(ns)
  }
  thread.on('message', () => {
    // The thread has forgotten what it was told.
    armedNs = neverNs
    while (pending[0] !== undefined && pending[0].dueMs <= nowMs()) pending.shift()?.action()
    arm()
  })
  thread.unref()

  return {
    nowMs,
    wallMs: () => Date.now(),
    after(delayMs, action): Timer {
      const entry: Entry = { dueMs: nowMs() + Math.max(0, delayMs), action }
      pending.splice(placeOf(pending, entry.dueMs), 0, entry)
      arm()
      return {
        cancel() {
          const index = pending.indexOf(entry)
          if (index < 0) return
          pending.splice(index, 1)
          arm()
        },
      }
    },
    close() {
      closed = true
      pending.length = 0
      tell(stopNs)
    },
  }
}

/** Behind all that are due by then: found from the end, where a new timer nearly always belongs. */
function placeOf(pending: readonly Entry[], dueMs: number): number {
  let place = pending.length
  while (place > 0 && (pending[place - 1]?.dueMs ?? 0) > dueMs) place -= 1
  return place
}
