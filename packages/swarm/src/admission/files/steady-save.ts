import { messageOf, type Logger } from '@shoal/host'

export interface SteadySaveOptions {
  /** What is kept, for the log: `charter`. */
  readonly what: string
  readonly logger: Logger
  /** Writes the present state. @throws {Error} when the disk is full, say */
  readonly save: () => void
}

/**
 * Writes a state to its file whenever it has changed, and again at each turn while the disk does not take it. What a peer
 * knows counts at once, whether it is on the disk or not: who was put out must not stay because a disk is full.
 */
export class SteadySave {
  readonly #options: SteadySaveOptions
  /** Why the file is behind the state; null while it is not. */
  #lack: string | null = null
  #behind = false

  constructor(options: SteadySaveOptions) {
    this.#options = options
  }

  /** Why the state is not on the disk; null when it is. */
  get lack(): string | null {
    return this.#lack
  }

  changed(): void {
    this.#behind = true
    this.retry()
  }

  /** Writes what could not be written before. */
  retry(): void {
    if (!this.#behind) return
    const { what, logger, save } = this.#options
    try {
      save()
    } catch (error) {
      if (this.#lack === null) logger.warn('not-kept', { what, reason: messageOf(error) })
      this.#lack = messageOf(error)
      return
    }
    if (this.#lack !== null) logger.info('kept-after-all', { what })
    this.#behind = false
    this.#lack = null
  }
}
