/** Something has changed: wakes the one that waits; a ring before the wait counts. */
export interface Bell {
  readonly ring: () => void
  readonly rung: () => Promise<void>
}

export function createBell(): Bell {
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
