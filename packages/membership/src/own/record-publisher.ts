import { messageOf, type Clock, type Logger, type Timer } from '@shoal/host'
import { memberLimits } from '../limits.ts'
import { changeOfLinks, createLinkAnnouncer, type Links } from '../neighbours/links.ts'
import { Pace } from '../words/pace.ts'
import type { Word } from '../words/word.ts'
import type { OwnChange, Self } from './self.ts'

export interface RecordPublisherDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly self: Self
  /** A word of this peer is to be told to all others; at once when it is urgent. */
  readonly onWord: (word: Word, urgent: boolean) => void
}

/** What changes often and may ride on the next beat. */
const quietFields: ReadonlySet<string> = new Set(['links', 'rates', 'disk'])

/** Announces this peer's own record, no faster than readers take its words. */
export class RecordPublisher {
  readonly #dependencies: RecordPublisherDependencies
  readonly #linkAnnouncer = createLinkAnnouncer()
  readonly #pace: Pace
  #later: Timer | undefined
  /** Something that plans or routes wait for has changed since the last word. */
  #urgent = false
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
    this.#urgent ||= !Object.keys(change).every((field) => quietFields.has(field))
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
    const urgent = this.#urgent
    this.#urgent = false
    const word = await self.say()
    if (word !== undefined && !this.#closed)
      onWord(word, urgent || word.seq === 1 || self.record?.state === 'left')
  }

  /** Announces the links when they differ enough from those announced before. Called once a turn. */
  announceLinks(measured: Links): void {
    const announced = this.#dependencies.self.record
    if (announced === undefined || announced.state === 'left') return
    const links = this.#linkAnnouncer.next(measured, announced.links)
    if (links === null) return
    // Until a new link is announced, plans use a guess; another value of a known one may ride on a beat.
    this.#urgent ||= changeOfLinks(links, announced.links) !== 'moved'
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
