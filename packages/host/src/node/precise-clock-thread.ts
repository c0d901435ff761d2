/** The thread of `createPreciseClock`: it sleeps until the time it is given, then sends one message. */
import { parentPort, workerData } from 'node:worker_threads'
import { neverNs, stopNs } from './precise-clock.ts'

function keepTime(shared: SharedArrayBuffer, wake: () => void): void {
  const dueNs = new BigInt64Array(shared, 0, 1)
  const turns = new Int32Array(shared, 8, 1)
  for (;;) {
    // Read before the time: a wait ends at once when the turn has changed since.
    const turn = Atomics.load(turns, 0)
    const due = Atomics.load(dueNs, 0)
    if (due === stopNs) return
    if (due === neverNs) {
      Atomics.wait(turns, 0, turn)
      continue
    }
    const leftNs = due - process.hrtime.bigint()
    if (leftNs > 0n && Atomics.wait(turns, 0, turn, Number(leftNs) / 1e6) !== 'timed-out') continue
    if (Atomics.compareExchange(dueNs, 0, due, neverNs) === due) wake()
  }
}

if (parentPort === null || !(workerData instanceof SharedArrayBuffer))
  throw new Error('precise-clock-thread.ts is started as a worker thread')
const port = parentPort
keepTime(workerData, () => port.postMessage(null))
