import { createSerialQueue, ShoalError } from '@shoal/host'

/**
 * One writer of a model's files at a time. Work that somebody waits for interrupts work in the background and goes before
 * it.
 */
export interface FetchTurns {
  urgent<Value>(work: () => Promise<Value>): Promise<Value>
  /** @throws {ShoalError} `cancelled` when urgent work is waiting or comes; what was fetched until then is kept on disk */
  background<Value>(work: (signal: AbortSignal) => Promise<Value>, signal: AbortSignal): Promise<Value>
}

export function createFetchTurns(): FetchTurns {
  const queue = createSerialQueue()
  let urgentCount = 0
  let interrupt = new AbortController()
  const interrupted = (): ShoalError =>
    new ShoalError('cancelled', 'weights that are to be served come first')
  return {
    async urgent(work) {
      urgentCount += 1
      interrupt.abort(interrupted())
      try {
        return await queue.run(work)
      } finally {
        urgentCount -= 1
      }
    },
    background(work, signal) {
      return queue.run(() => {
        if (urgentCount > 0) throw interrupted()
        interrupt = new AbortController()
        return work(AbortSignal.any([signal, interrupt.signal]))
      }, signal)
    },
  }
}
