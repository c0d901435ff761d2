import { ShoalError, type Logger, type Random } from '@shoal/host'
import type { MembersMessage } from '@shoal/protocol'
import type { Replica } from '../document/replica.ts'
import { memberLimits } from '../limits.ts'
import type { Neighbours } from '../neighbours/neighbours.ts'
import { shuffled } from '../neighbours/shuffled.ts'
import type { Self } from '../own/self.ts'
import type { SealedRecord } from '../records/seal.ts'
import type { MessageBudget } from './message-budget.ts'
import type { Relays } from './relays.ts'

type State = Extract<MembersMessage, { type: 'state' }>
type Update = Extract<MembersMessage, { type: 'update' }>

export interface DocumentExchangeDependencies {
  readonly random: Random
  readonly logger: Logger
  readonly replica: Replica
  readonly self: Pick<Self, 'sealed'>
  readonly neighbours: Pick<Neighbours, 'ids' | 'send'>
  readonly relays: Relays
  readonly budget: MessageBudget
  /** A record that is newer than what was known of its owner. */
  onRecord(sealed: SealedRecord): void
  /** This peer's own record is not in the document as it was announced. */
  onOverwritten(): void
}

/**
 * Keeps this peer's replica equal to those of its neighbours: exchanges state vectors and updates, and follows
 * rotations.
 */
export class DocumentExchange {
  readonly #parts: DocumentExchangeDependencies

  constructor(dependencies: DocumentExchangeDependencies) {
    this.#parts = dependencies
  }

  /** Asks a neighbour for what this peer lacks, by sending it the state vector. */
  ask(peer: string): void {
    const { replica, neighbours, budget } = this.#parts
    if (!budget.mayAsk(peer)) return
    neighbours.send(peer, { type: 'state', document: replica.name, stateVector: replica.stateVector() })
  }

  /**
   * Answers a neighbour's state vector with what the neighbour lacks.
   * @throws {ShoalError} `bad-frame`, `wrong-manifest`
   */
  receiveState(peer: string, message: State): void {
    const { replica, neighbours } = this.#parts
    if (!this.#follow(peer, message.document)) return
    if (message.stateVector.length > memberLimits.maxStateVectorBytes)
      throw new ShoalError('bad-frame', 'a state vector is over its limit')
    let update: Uint8Array
    try {
      update = replica.missing(message.stateVector)
    } catch (cause) {
      throw new ShoalError('bad-frame', 'a state vector is damaged', { cause })
    }
    neighbours.send(peer, { type: 'update', document: replica.name, update })
  }

  /** Applies an update and passes on what was new in it. @throws {ShoalError} `bad-frame`, `wrong-manifest` */
  async receiveUpdate(peer: string, message: Update): Promise<void> {
    if (!this.#follow(peer, message.document)) return
    const { random, replica, neighbours, self } = this.#parts
    const { writer } = replica
    const { accepted, novel, incomplete } = await replica.receive(message.update)
    for (const sealed of accepted) this.#parts.onRecord(sealed)
    if (novel !== undefined) {
      const { name } = replica
      const receivers = shuffled(this.#whoMayLack(peer, accepted), random).slice(0, memberLimits.fanOut)
      for (const id of receivers) neighbours.send(id, { type: 'update', document: name, update: novel })
    }
    if (incomplete) this.ask(peer)
    if (replica.writer !== writer || !replica.shows(self.sealed)) this.#parts.onOverwritten()
  }

  /** Replaces a document that has grown beyond its members' records. */
  rotateWhenOvergrown(): void {
    const { logger, replica } = this.#parts
    if (!replica.isOvergrown()) return
    const from = replica.name
    replica.rotate()
    logger.info('membership-rotated', { from, to: replica.name, because: 'size' })
    this.#parts.onOverwritten()
    this.#askAll()
  }

  /**
   * Compares the document named in a message with this peer's, and rotates to it when it is newer.
   * @returns whether the message is about the document that this peer has now
   */
  #follow(peer: string, document: string): boolean {
    const { logger, replica } = this.#parts
    switch (replica.ageOf(document)) {
      case 'same':
        return true
      case 'older':
        this.ask(peer)
        return false
      case 'newer':
        logger.info('membership-rotated', { from: replica.name, to: document, because: peer })
        replica.rotate(document)
        this.#parts.onOverwritten()
        this.#askAll()
        return true
      case 'foreign':
        throw new ShoalError(
          'wrong-manifest',
          `${peer} is in the swarm '${document}', this one is '${replica.name}'`,
        )
    }
  }

  #askAll(): void {
    for (const peer of this.#parts.neighbours.ids()) this.ask(peer)
  }

  /**
   * The neighbours to which an update may be news. A record whose owner has announced several before was sent by its owner
   * to all who have a link with it; all other updates are passed on at random. A neighbour that is missed by chance gets
   * the update when it asks one of its own neighbours, which it does each turn.
   */
  #whoMayLack(sender: string, accepted: readonly SealedRecord[]): readonly string[] {
    const { neighbours, relays } = this.#parts
    const settled =
      accepted.length > 0 && accepted.every(({ record }) => record.seq > memberLimits.youngRecords)
    const hasAll = (id: string): boolean =>
      settled && accepted.every(({ record }) => id === record.peerId || relays.near(record.peerId, id))
    return neighbours.ids().filter((id) => id !== sender && !hasAll(id))
  }
}
