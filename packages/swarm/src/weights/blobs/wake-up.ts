/** Wakes a loop that waits for something to change; a ring before the wait counts. */
export interface WakeUp {
  readonly ring: () => void
  /** Resolves with the next ring. One waiter at a time. */
  readonly rung: () => Promise<void>
}

export function createWakeUp(): WakeUp {
  let rang = false
  let wake: (() => void) | null = null
  return {
    ring: () => {
      rang = true
      wake?.()
    },
    rung: async () => {
      await new Promise<void>((resolve) => {
        wake = resolve
        if (rang) resolve()
      })
      rang = false
      wake = null
    },
  }
}
