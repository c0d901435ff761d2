import { ApiError } from '../errors.ts'
import type { Caller } from '../callers.ts'

/** Counts generations and refuses more than the limit. Those within it queue at the stages, where the memory is. */
export interface Gate {
  readonly running: number
  /**
   * Takes a place; call the result once to give it back.
   * @param most what this caller may hold, where it has a bound of its own
   * @throws {ApiError} 429 with Retry-After
   */
  enter(caller: Caller, most?: number): () => void
}

export interface GatePlaces {
  readonly all: number
  /** What one caller may hold of them. */
  readonly perCaller: number
}

export function createGate(places: GatePlaces, retryAfterSeconds: () => number): Gate {
  const held = new Map<Caller, number>()
  let running = 0
  const refuse = (reason: string, code: string): never => {
    const seconds = retryAfterSeconds()
    throw new ApiError(429, `${reason}; try again in ${seconds} s`, {
      code,
      headers: { 'retry-after': String(seconds) },
    })
  }
  const give = (caller: Caller): void => {
    running -= 1
    const left = (held.get(caller) ?? 1) - 1
    if (left === 0) held.delete(caller)
    else held.set(caller, left)
  }
  return {
    get running() {
      return running
    },
    enter(caller, most = places.perCaller) {
      const own = held.get(caller) ?? 0
      if (running >= places.all)
        refuse(`${places.all} generations are running already`, 'too_many_generations')
      if (own >= Math.min(most, places.perCaller))
        refuse(
          `${own} of your generations are running already, and the other places are for other callers`,
          'too_many_generations_of_caller',
        )
      running += 1
      held.set(caller, own + 1)
      let left = false
      return () => {
        if (!left) give(caller)
        left = true
      }
    },
  }
}
