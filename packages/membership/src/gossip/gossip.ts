import { messageOf, type Clock, type Logger, type Random } from '@shoal/host'
import type { MembersMessage } from '@shoal/protocol'
import type { Replica } from '../document/replica.ts'
import type { Detector } from '../liveness/detector.ts'
import type { Standstill } from '../liveness/standstill.ts'
import type { Neighbours } from '../neighbours/neighbours.ts'
import { shuffled } from '../neighbours/shuffled.ts'
import type { Self } from '../own/self.ts'
import type { Signer } from '../records/seal.ts'
import { BeatExchange, type BeatExchangeDependencies } from './beat-exchange.ts'
import { DocumentExchange, type DocumentExchangeDependencies } from './document-exchange.ts'
import { MessageBudget } from './message-budget.ts'
import { createRelays } from './relays.ts'

/** What gossip tells its owner. */
export type GossipListener = Pick<DocumentExchangeDependencies, 'onRecord' | 'onOverwritten'> &
  Pick<BeatExchangeDependencies, 'onBeat' | 'onHeldDead' | 'onGhost'>

export interface GossipDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly signer: Signer
  readonly replica: Replica
  readonly self: Self
  readonly detector: Detector
  readonly neighbours: Neighbours
  readonly standstill: Pick<Standstill, 'missedTurns'>
}

/** All that is exchanged with neighbours: state vectors, updates and beats. */
export class Gossip {
  readonly #logger: Logger
  readonly #random: Random
  readonly #neighbours: Neighbours
  readonly #budget: MessageBudget
  readonly #documents: DocumentExchange
  readonly #beats: BeatExchange

  constructor(
    dependencies: GossipDependencies,
    listener: GossipListener,
    swarm: string,
    beatIntervalMs: number,
  ) {
    const { logger, random, replica, self, neighbours, standstill } = dependencies
    this.#logger = logger
    this.#random = random
    this.#neighbours = neighbours
    const relays = createRelays(self.peerId, (peer) => replica.roster.get(peer))
    this.#budget = new MessageBudget(
      beatIntervalMs,
      () => replica.roster.size,
      () => standstill.missedTurns(),
    )
    this.#documents = new DocumentExchange({ ...dependencies, ...listener, relays, budget: this.#budget })
    this.#beats = new BeatExchange(
      { ...dependencies, ...listener, relays, roster: replica.roster },
      swarm,
      beatIntervalMs,
    )
  }

  /** Begins on a new channel: asks for the neighbour's state, and sends a beat that proves this peer's incarnation. */
  async greet(peer: string): Promise<void> {
    this.#documents.ask(peer)
    await this.#beats.sendTo(peer)
  }

  /** @throws {ShoalError} for a fault of the neighbour; `wrong-manifest` when it belongs to another swarm */
  async receive(peer: string, message: MembersMessage): Promise<void> {
    this.#budget.receive(peer, message.type)
    if (message.type === 'state') this.#documents.receiveState(peer, message)
    else if (message.type === 'update') await this.#documents.receiveUpdate(peer, message)
    else await this.#beats.receive(peer, message)
  }

  /** Sends a new beat to all neighbours. Never rejects. */
  async beat(): Promise<void> {
    try {
      await this.#beats.sendToAll()
    } catch (error) {
      this.#logger.error('beat-failed', { reason: messageOf(error) })
    }
  }

  /**
   * One turn: budgets begin anew, one neighbour is asked for what this peer lacks, an overgrown document is replaced.
   */
  tick(): void {
    this.#budget.reset()
    const [anyone] = shuffled(this.#neighbours.ids(), this.#random)
    if (anyone !== undefined) this.#documents.ask(anyone)
    this.#beats.tidy()
    this.#documents.rotateWhenOvergrown()
  }
}
