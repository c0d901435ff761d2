import type { Clock } from '@shoal/host'
import type { Transport } from '@shoal/network'

/**
 * Stops peers as SIGSTOP stops a process: their timers wait, and so does the news of lost connections. Frames wait in
 * their links, which the caller stops.
 */
export interface StoppedProcesses {
  freeze(name: string): void
  /**
   * What came due meanwhile runs a millisecond later: an event loop that wakes reads its sockets before it runs
   * timers.
   */
  thaw(name: string): void
  forget(name: string): void
  /** The clock of one peer, whose timers wait while the peer is stopped. */
  clockOf(name: string): Clock
  /** Makes a transport tell of lost connections only while its peer runs. */
  hold(name: string, transport: Transport): Transport
}

export function createStoppedProcesses(clock: Clock): StoppedProcesses {
  const stopped = new Map<string, (() => void)[]>()

  /** Runs the action now, or when the peer goes on. */
  const whenRunning = (name: string, action: () => void): void => {
    const waiting = stopped.get(name)
    if (waiting === undefined) action()
    else waiting.push(action)
  }

  return {
    freeze(name) {
      // A new list, so that a thaw that is under way does not end this stop.
      stopped.set(name, [...(stopped.get(name) ?? [])])
    },
    thaw(name) {
      const waiting = stopped.get(name)
      clock.after(1, () => {
        if (waiting === undefined || stopped.get(name) !== waiting) return
        stopped.delete(name)
        for (const action of waiting) action()
      })
    },
    forget: (name) => void stopped.delete(name),
    clockOf: (name) => ({
      ...clock,
      after(delayMs, action) {
        let cancelled = false
        const run = (): void => {
          if (!cancelled) action()
        }
        const timer = clock.after(delayMs, () => whenRunning(name, run))
        return {
          cancel() {
            cancelled = true
            timer.cancel()
          },
        }
      },
    }),
    hold(name, transport) {
      const onDisconnect = transport.onDisconnect.bind(transport)
      return Object.assign(transport, {
        onDisconnect: (listener: (peer: string) => void) =>
          onDisconnect((peer) => whenRunning(name, () => listener(peer))),
      })
    },
  }
}
