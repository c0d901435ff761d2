import { ShoalError } from './errors.ts'

/**
 * The error with which an aborted operation fails: the signal's own `ShoalError`, or `cancelled` with its reason as
 * cause.
 */
export function reasonOf(signal: AbortSignal): ShoalError {
  return signal.reason instanceof ShoalError
    ? signal.reason
    : new ShoalError('cancelled', 'the caller cancelled', { cause: signal.reason })
}

/** @throws {ShoalError} {@link reasonOf} the signal when it has aborted */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw reasonOf(signal)
}

/**
 * Calls `listener` once: when the signal aborts, or before this returns when it has aborted already.
 * @returns a function that removes the listener; a long-lived signal would otherwise keep the listeners of finished work
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => undefined
  if (signal.aborted) {
    listener()
    return () => undefined
  }
  const once = (): void => listener()
  signal.addEventListener('abort', once, { once: true })
  return () => signal.removeEventListener('abort', once)
}

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => onAbort(signal, resolve))
}

/**
 * Settles as `promise` does, or rejects with {@link reasonOf} the signal when that aborts first. The promise's work
 * goes on.
 */
export function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(reasonOf(signal)))
    promise.then(
      (value) => {
        stopListening()
        resolve(value)
      },
      (error: unknown) => {
        stopListening()
        reject(error)
      },
    )
  })
}
