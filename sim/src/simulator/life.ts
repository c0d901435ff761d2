import type { Clock } from '@shoal/host'

/** One life of a process. Its clock stops while the process is stopped, and never fires again once it is killed. */
export interface Life {
  readonly clock: Clock
  readonly state: 'running' | 'stopped' | 'ended'
  /** As SIGSTOP: timers that come due wait. The caller stops the links. */
  stop(): void
  /** As SIGCONT: timers that have come due run at once, in order. */
  resume(): void
  /** As SIGKILL: no timer runs any more. */
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
