import { orAborted } from '@shoal/host'

/** A semaphore: limits the number of transfers at the same time, since more would only slow each other down. */
export interface Slots {
  /** Waits for a free slot. @returns a function that gives the slot back; further calls of it do nothing */
  take(signal: AbortSignal): Promise<() => void>
}

export function createSlots(count: number): Slots {
  let free = count
  const waiting: (() => void)[] = []

  const giveBack = (): void => {
    const next = waiting.shift()
    if (next === undefined) free += 1
    else next()
  }
  return {
    async take(signal) {
      if (free > 0) free -= 1
      else {
        const turn = new Promise<void>((resolve) => waiting.push(resolve))
        try {
          await orAborted(turn, signal)
        } catch (error) {
          // The slot of a waiter that was aborted may still come; the next waiter gets it.
          turn.then(giveBack, () => undefined)
          throw error
        }
      }
      let given = false
      return () => {
        if (!given) giveBack()
        given = true
      }
    },
  }
}
