import type { Clock } from '@shoal/host'

/** The time of a worker in a browser. */
export const workerClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
}

const channel = new MessageChannel()
const turns: (() => void)[] = []
channel.port1.addEventListener('message', () => turns.shift()?.())
channel.port1.start()

/** Waits until what has arrived was handled. A timer would take at least 4 ms, and a second in the background. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    turns.push(resolve)
    channel.port2.postMessage(null)
  })
}
