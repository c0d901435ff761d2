import { ApiError } from './errors.ts'

/** Counts generations and turns callers away when there are enough: a queue here would only hide that. */
export interface Gate {
  readonly running: number
  /** Takes a place; call the result once to give it back. @throws {ApiError} 429 with Retry-After */
  enter(): () => void
}

export function createGate(limit: number, retryAfterSeconds: number): Gate {
  let running = 0
  return {
    get running() {
      return running
    },
    enter() {
      if (running >= limit) {
        throw new ApiError(
          429,
          `${limit} generations are running already; try again in ${retryAfterSeconds} s`,
          {
            code: 'too_many_generations',
            headers: { 'retry-after': String(retryAfterSeconds) },
          },
        )
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
