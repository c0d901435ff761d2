import { onAbort } from './abort.ts'

/** A pending action of a {@link Clock}. */
export interface Timer {
  cancel(): void
}

export interface TimerOptions {
  /**
   * The action is upkeep that nothing awaits (ending an idle connection, a periodic measurement): a program that has
   * nothing else left to do may end before it runs. A timer that ends a wait must not be in the background: the process
   * could exit with the wait unsettled.
   */
  readonly background?: boolean
}

/** Time. All packages above take it as an argument, so that the same code runs under virtual time. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary origin: for leases, deadlines and measurements. */
  nowMs(): number
  /** Milliseconds since 1970 (Unix time): for log lines, `created` fields and the ages of files only. */
  wallMs(): number
  /** Runs `action` once after `delayMs`. Until then the process stays alive, unless the timer is a background one. */
  after(delayMs: number, action: () => void, options?: TimerOptions): Timer
}

/** Resolves after `delayMs`, keeping the process alive; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    let over = false
    let stopListening = (): void => undefined
    const timer = clock.after(delayMs, () => {
      over = true
      stopListening()
      resolve()
    })
    // A clock of a test may call back at once.
    if (over) return
    stopListening = onAbort(signal, () => {
      timer.cancel()
      reject(signal?.reason)
    })
  })
}

/**
 * Repeats an action by a background timer, which does not keep the process alive. The interval begins anew after the action
 * has ended, so that turns never pile up.
 */
export function every(
  clock: Clock,
  intervalMs: number,
  action: () => void | Promise<void>,
  onError: (error: unknown) => void,
): Timer {
  let cancelled = false
  let timer: Timer | undefined
  const turn = async (): Promise<void> => {
    try {
      await action()
    } catch (error) {
      onError(error)
    }
    if (!cancelled) schedule()
  }
  const schedule = (): void => {
    timer = clock.after(intervalMs, () => void turn(), { background: true })
  }
  schedule()
  return {
    cancel() {
      cancelled = true
      timer?.cancel()
    },
  }
}

/**
 * A signal that aborts after a time, or with another signal. Its timer keeps the process alive until `clear` is
 * called.
 */
export interface TimeLimit {
  readonly signal: AbortSignal
  clear(): void
}

/** @param reason makes the error that the signal aborts with when the time is over */
export function timeLimit(
  clock: Clock,
  timeoutMs: number,
  reason: () => Error,
  signal?: AbortSignal,
): TimeLimit {
  const controller = new AbortController()
  const timer = clock.after(timeoutMs, () => controller.abort(reason()))
  return {
    signal: signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]),
    clear: () => timer.cancel(),
  }
}
