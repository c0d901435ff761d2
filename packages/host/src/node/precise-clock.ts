import { Worker } from 'node:worker_threads'
import type { Clock, Timer, TimerOptions } from '../clock.ts'

/** Messages to the thread instead of a time: nothing is due; end. */
export const neverNs = -1n
export const stopNs = -2n

/** A clock with a thread of its own. Its creator must close it. */
export interface PreciseClock extends Clock {
  close(): void
}

interface Entry {
  readonly dueMs: number
  readonly action: () => void
  readonly background: boolean
}

/**
 * The system's time, with timers that are 0.15 to 0.3 ms late. Those of the event loop count whole milliseconds, and are
 * between 0.75 ms early and 1.4 ms late. A thread sleeps until the next timer is due (a wait on shared memory accepts
 * fractions of a millisecond) and then wakes this one, so that nothing spins.
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
  let holding = false

  const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

  /** An expected message must keep the process alive; the thread by itself must not. */
  const holdProcess = (hold: boolean): void => {
    if (hold === holding) return
    holding = hold
    if (hold) thread.ref()
    else thread.unref()
  }
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
    holdProcess(!closed && pending.some(({ background }) => !background))
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
    after(delayMs, action, { background = false }: TimerOptions = {}): Timer {
      const entry: Entry = { dueMs: nowMs() + Math.max(0, delayMs), action, background }
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
      holdProcess(false)
      tell(stopNs)
    },
  }
}

/** Index behind all timers that are due by then. Searched from the end, where a new timer nearly always belongs. */
function placeOf(pending: readonly Entry[], dueMs: number): number {
  let place = pending.length
  while (place > 0 && (pending[place - 1]?.dueMs ?? 0) > dueMs) place -= 1
  return place
}
