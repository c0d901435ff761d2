import { messageOf, type Logger } from '@shoal/host'

/**
 * A set of listeners. A listener that throws stops neither the other listeners nor whatever caused the
 * call: that may be a neighbour's frame, and the neighbour must not be blamed for an error of this program.
 */
export class Listeners<Arguments extends readonly unknown[]> {
  readonly #logger: Logger
  readonly #listeners = new Set<(...told: Arguments) => void>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** @returns a function that removes the listener */
  add(listener: (...told: Arguments) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  call(...told: Arguments): void {
    for (const listener of this.#listeners) {
      try {
        listener(...told)
      } catch (error) {
        this.#logger.error('membership-listener-failed', { reason: messageOf(error), error })
      }
    }
  }
}
