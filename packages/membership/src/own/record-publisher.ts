import { messageOf, type Logger } from '@shoal/host'
import type { Replica } from '../document/replica.ts'
import type { Neighbours } from '../neighbours/neighbours.ts'
import { createLinkAnnouncer, type Links } from '../neighbours/links.ts'
import type { OwnChange, Self } from './self.ts'

export interface RecordPublisherDependencies {
  readonly logger: Logger
  readonly self: Self
  readonly replica: Replica
  readonly neighbours: Pick<Neighbours, 'flood'>
  /** This peer's own record has changed. */
  readonly onPublished: () => void
}

/** Writes this peer's own record into the document, passes it on, and writes it again when it is no longer there. */
export class RecordPublisher {
  readonly #dependencies: RecordPublisherDependencies
  readonly #linkAnnouncer = createLinkAnnouncer()
  #restoring = false
  #closed = false

  constructor(dependencies: RecordPublisherDependencies) {
    this.#dependencies = dependencies
  }

  /** @throws {ShoalError} `limit-exceeded` when the record would be refused by every reader */
  async publish(change: OwnChange): Promise<void> {
    const { self, replica, neighbours, onPublished } = this.#dependencies
    const update = await self.announce(change)
    if (update === undefined || this.#closed) return
    neighbours.flood({ type: 'update', document: replica.name, update }, [])
    onPublished()
  }

  /** Writes the record again after it was overwritten, or after the document rotated: only its owner can. */
  async restore(): Promise<void> {
    if (this.#restoring || this.#closed) return
    const { self, replica } = this.#dependencies
    this.#restoring = true
    try {
      await this.publish({})
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#restoring = false
    }
    if (!replica.shows(self.sealed)) await this.restore()
  }

  /** Announces the links when they differ enough from those announced before. Called once a beat. */
  announceLinks(measured: Links): void {
    const announced = this.#dependencies.self.sealed?.record
    if (announced === undefined || announced.state === 'left') return
    const links = this.#linkAnnouncer.next(measured, announced.links)
    if (links === null) return
    this.publish({ links }).catch((error: unknown) => this.#failed(error))
  }

  close(): void {
    this.#closed = true
  }

  #failed(error: unknown): void {
    this.#dependencies.logger.error('member-record-failed', { reason: messageOf(error) })
  }
}
