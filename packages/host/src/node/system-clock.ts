import type { Clock, Timer, TimerOptions } from '../clock.ts'

/** The longest delay `setTimeout` takes: 2^31 - 1 ms; a longer one would fire at once. */
const timeoutMsMax = 2_147_483_647

function after(delayMs: number, action: () => void, { background = false }: TimerOptions = {}): Timer {
  let timeout: NodeJS.Timeout
  const schedule = (remainingMs: number): void => {
    const turnMs = Math.min(remainingMs, timeoutMsMax)
    const next = turnMs < remainingMs ? () => schedule(remainingMs - turnMs) : action
    timeout = setTimeout(next, turnMs)
    if (background) timeout.unref()
  }
  schedule(Math.max(0, delayMs))
  return { cancel: () => clearTimeout(timeout) }
}

/** The system's time. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after,
}
