import { ApiError } from '../errors.ts'

/** Counts generations and refuses more than the limit. Those within it queue at the stages, where the memory is. */
export interface Gate {
  readonly running: number
  /** Takes a place; call the result once to give it back. @throws {ApiError} 429 with Retry-After */
  enter(): () => void
}

export function createGate(limit: number, retryAfterSeconds: () => number): Gate {
  let running = 0
  return {
    get running() {
      return running
    },
    enter() {
      if (running >= limit) {
        const seconds = retryAfterSeconds()
        throw new ApiError(429, `${limit} generations are running already; try again in ${seconds} s`, {
          code: 'too_many_generations',
          headers: { 'retry-after': String(seconds) },
        })
      }
      running += 1
      let left = false
      return () => {
        if (!left) running -= 1
        left = true
      }
    },
  }
}
