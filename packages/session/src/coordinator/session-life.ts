import { onAbort, reasonOf, type ShoalError } from '@shoal/host'

/** Whether a session goes on. It ends once: because it is closed, because its caller aborts, or with an error. */
export interface SessionLife {
  /** Why the session ended; null while it goes on. */
  readonly ended: ShoalError | null
  /** Aborts with that error. */
  readonly signal: AbortSignal
  /** Ends the session. Later calls change nothing. */
  end(error: ShoalError): void
  /** Registers what the end frees. Cleanups run in the order in which they were registered. */
  onEnd(cleanup: (error: ShoalError) => void): void
}

/** @param caller signal of the caller; the session ends when it aborts */
export function createSessionLife(caller: AbortSignal | undefined): SessionLife {
  const closing = new AbortController()
  const cleanups: ((error: ShoalError) => void)[] = []
  let ended: ShoalError | null = null
  let stopListening = (): void => undefined

  const end = (error: ShoalError): void => {
    if (ended !== null) return
    ended = error
    closing.abort(error)
    stopListening()
    for (const cleanup of cleanups) cleanup(error)
  }
  stopListening = onAbort(caller, () => end(reasonOf(caller!)))

  return {
    get ended() {
      return ended
    },
    signal: closing.signal,
    end,
    onEnd: (cleanup) => void cleanups.push(cleanup),
  }
}
