import { orAborted } from '@shoal/host'

/** Lets so many at once do what would only slow the others down. */
export interface Slots {
  /** Waits for a turn. @returns what gives it back, once */
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
          // Its turn may come all the same: it is the next one's.
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
