import type { Clock } from '@shoal/host'

/** One life of a process: its clock stands while it is stopped, and is silent once it has been killed. */
export interface Life {
  readonly clock: Clock
  readonly state: 'running' | 'stopped' | 'ended'
  /** As SIGSTOP: what comes due waits. Its links are the caller's to stop. */
  stop(): void
  /** As SIGCONT: what has come due runs at once, in order. */
  resume(): void
  /** As SIGKILL: nothing of it runs any more. */
  end(): void
}

export function createLife(clock: Clock): Life {
  let state: Life['state'] = 'running'
  let waiting: (() => void)[] = []

  return {
    clock: {
      nowMs: () => clock.nowMs(),
      wallMs: () => clock.wallMs(),
      after: (delayMs, action) => {
        let cancelled = false
        const run = (): void => {
          if (!cancelled) action()
        }
        const timer = clock.after(delayMs, () => {
          if (state === 'running') run()
          else if (state === 'stopped') waiting.push(run)
        })
        return {
          cancel() {
            cancelled = true
            timer.cancel()
          },
        }
      },
    },
    get state() {
      return state
    },
    stop() {
      if (state === 'running') state = 'stopped'
    },
    resume() {
      if (state !== 'stopped') return
      state = 'running'
      const due = waiting
      waiting = []
      for (const run of due) run()
    },
    end() {
      state = 'ended'
      waiting = []
    },
  }
}
