import { ShoalError } from './errors.ts'

/** What a signal's end means to a caller: its own error, or `cancelled`. */
export function reasonOf(signal: AbortSignal): ShoalError {
  return signal.reason instanceof ShoalError
    ? signal.reason
    : new ShoalError('cancelled', 'the caller cancelled', { cause: signal.reason })
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw reasonOf(signal)
}

/** Settles as `promise`, or rejects when the signal aborts first. The promise itself goes on. */
export function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(reasonOf(signal))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
