import type { EventEmitter } from 'node:events'
import { messageOf, ShoalError, type Logger } from '@shoal/host'

/** An error that no code handled: a programming error. */
export interface UnhandledErrors {
  /** The first one; null while there is none. */
  readonly first: ShoalError | null
  stopWatching(): void
}

/**
 * The last resort for an error that reached nobody: an unhandled rejection or an uncaught exception. It is logged with
 * its stack and the program ends in order with exit status 1, so that a node hands over its sessions and says that it
 * leaves. A second one ends the process at once. What a peer sends never comes here: each place that reads a peer's
 * bytes turns what they cause into a refusal of that peer.
 *
 * @param stop begins the orderly end
 * @param exit ends the process at once
 */
export function watchUnhandledErrors(
  events: Pick<EventEmitter, 'on' | 'off'>,
  logger: Logger,
  stop: (error: ShoalError) => void,
  exit: () => void,
): UnhandledErrors {
  let first: ShoalError | null = null
  const onError = (cause: unknown): void => {
    logger.error('unhandled-error', { error: cause })
    if (first !== null) {
      exit()
      return
    }
    first = new ShoalError('internal', `a programming error ended this program: ${messageOf(cause)}`, {
      cause,
    })
    stop(first)
  }
  const names = ['unhandledRejection', 'uncaughtException']
  for (const name of names) events.on(name, onError)
  return {
    get first() {
      return first
    },
    stopWatching() {
      for (const name of names) events.off(name, onError)
    },
  }
}
