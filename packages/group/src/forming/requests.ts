import { isErrorCode, ShoalError, type Clock, orAborted } from '@shoal/host'
import type { GroupFailed } from '@shoal/protocol'

/** Requests to one peer that wait for their answers. */
export interface Requests<Answer> {
  /**
   * @param ask sends the request with its number
   * @throws {ShoalError} `deadline-passed`, the error of the peer, or the signal's reason
   */
  make(ask: (request: number) => void, timeoutMs: number, signal: AbortSignal): Promise<Answer>
  answer(request: number, value: Answer): void
  refuse(request: number, failure: GroupFailed): void
  /** Fails all requests, also later ones. */
  close(error: ShoalError): void
}

export function createRequests<Answer>(clock: Clock, name: string): Requests<Answer> {
  const waiting = new Map<number, { resolve(value: Answer): void; reject(error: ShoalError): void }>()
  let next = 0
  let closed: ShoalError | null = null
  return {
    async make(ask, timeoutMs, signal) {
      if (closed !== null) throw closed
      const request = next
      next += 1
      const answered = new Promise<Answer>((resolve, reject) => waiting.set(request, { resolve, reject }))
      const timer = clock.after(timeoutMs, () =>
        waiting
          .get(request)
          ?.reject(new ShoalError('deadline-passed', `no answer from ${name} within ${timeoutMs} ms`)),
      )
      try {
        ask(request)
        return await orAborted(answered, signal)
      } finally {
        timer.cancel()
        waiting.delete(request)
      }
    },
    answer: (request, value) => waiting.get(request)?.resolve(value),
    refuse: (request, failure) => waiting.get(request)?.reject(failureOf(name, failure)),
    close(error) {
      closed ??= error
      for (const one of waiting.values()) one.reject(error)
    },
  }
}

/** The error that a rank reports, with the rank's name. */
export function failureOf(name: string, { code, message, definite }: GroupFailed): ShoalError {
  return new ShoalError(isErrorCode(code) ? code : 'internal', `${name}: ${message}`, { definite })
}
