import { throwIfAborted } from './abort.ts'

/** Runs asynchronous tasks one at a time, in the order in which they were added. */
export interface SerialQueue {
  /**
   * Adds a task. It begins when every earlier task has settled; a failed task does not stop those behind it.
   * @param signal a task whose signal aborts before it begins is skipped
   * @returns the task's own result; rejects as the task does, or with the signal's reason when it was skipped
   */
  run<Value>(task: () => Value | Promise<Value>, signal?: AbortSignal): Promise<Value>
  /** Resolves when every task added so far has settled. Never rejects. */
  settled(): Promise<void>
}

/** The queue keeps nothing of a task that has settled, and leaves the handling of its failure to its caller. */
export function createSerialQueue(): SerialQueue {
  let last: Promise<void> = Promise.resolve()
  const ignore = (): void => undefined
  return {
    run<Value>(task: () => Value | Promise<Value>, signal?: AbortSignal): Promise<Value> {
      const result = last.then(() => {
        throwIfAborted(signal)
        return task()
      })
      last = result.then(ignore, ignore)
      return result
    },
    settled: () => last,
  }
}
