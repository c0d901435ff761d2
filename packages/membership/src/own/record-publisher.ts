import { messageOf, type Clock, type Logger, type Timer } from '@shoal/host'
import { memberLimits } from '../limits.ts'
import { createLinkAnnouncer, type Links } from '../neighbours/links.ts'
import { Pace } from '../words/pace.ts'
import type { Word } from '../words/word.ts'
import type { OwnChange, Self } from './self.ts'

export interface RecordPublisherDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly self: Self
  /** A word of this peer is to be sent to all neighbours. */
  readonly onWord: (word: Word) => void
}

/** Announces this peer's own record, no faster than readers take its words. */
export class RecordPublisher {
  readonly #dependencies: RecordPublisherDependencies
  readonly #linkAnnouncer = createLinkAnnouncer()
  readonly #pace: Pace
  #later: Timer | undefined
  #closed = false

  constructor(dependencies: RecordPublisherDependencies) {
    this.#dependencies = dependencies
    this.#pace = new Pace(dependencies.clock, memberLimits.ownWordBurst, memberLimits.wordEveryMs)
  }

  /**
   * Announces a change, or, after many announcements in a short time, lets it wait for the next word.
   * @throws {ShoalError} `limit-exceeded` when the record would be refused by every reader
   */
  async publish(change: OwnChange): Promise<void> {
    this.#dependencies.self.change(change)
    const waitMs = this.#pace.waitMs()
    if (waitMs === 0) await this.publishNow()
    else this.#later ??= this.#dependencies.clock.after(waitMs, () => this.#sayLater())
  }

  /** Announces all changes at once, however many words were said lately: this peer leaves, or a new life begins. */
  async publishNow(): Promise<void> {
    if (this.#closed) return
    const { self, onWord } = this.#dependencies
    this.#later?.cancel()
    this.#later = undefined
    this.#pace.take()
    const word = await self.say()
    if (word !== undefined && !this.#closed) onWord(word)
  }

  /** Announces the links when they differ enough from those announced before. Called once a beat. */
  announceLinks(measured: Links): void {
    const announced = this.#dependencies.self.record
    if (announced === undefined || announced.state === 'left') return
    const links = this.#linkAnnouncer.next(measured, announced.links)
    if (links === null) return
    this.publish({ links }).catch((error: unknown) => this.#failed(error))
  }

  close(): void {
    this.#closed = true
    this.#later?.cancel()
  }

  #sayLater(): void {
    this.#later = undefined
    this.publishNow().catch((error: unknown) => this.#failed(error))
  }

  #failed(error: unknown): void {
    this.#dependencies.logger.error('member-record-failed', { reason: messageOf(error) })
  }
}
