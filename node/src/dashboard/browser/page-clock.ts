/** The browser's time, in the form in which the rest of the page takes it. */
export const pageClock = {
  nowMs: (): number => performance.now(),
  wallMs: (): number => Date.now(),
  after(delayMs: number, action: () => void): { cancel(): void } {
    const timer = setTimeout(action, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
} as const

export type PageClock = typeof pageClock
