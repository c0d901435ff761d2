import { messageOf, type Clock, type Logger, type Random } from '@shoal/host'
import type { MembersMessage } from '@shoal/protocol'
import type { Detector } from '../liveness/detector.ts'
import type { Standstill } from '../liveness/standstill.ts'
import type { Neighbours } from '../neighbours/neighbours.ts'
import { shuffled } from '../neighbours/shuffled.ts'
import type { Self } from '../own/self.ts'
import type { Signer } from '../records/seal.ts'
import type { WordStore } from '../words/word-store.ts'
import type { Word } from '../words/word.ts'
import { BeatExchange, type BeatExchangeDependencies } from './beat-exchange.ts'
import { MessageBudget } from './message-budget.ts'
import { createRelays } from './relays.ts'
import { WordExchange, type WordExchangeDependencies } from './word-exchange.ts'

/** What gossip tells its owner. */
export type GossipListener = Pick<WordExchangeDependencies, 'onRecord' | 'onFault'> &
  Pick<BeatExchangeDependencies, 'onBeat' | 'onHeldDead' | 'onGhost'>

export interface GossipDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly signer: Signer
  readonly store: WordStore
  readonly self: Self
  readonly detector: Detector
  readonly neighbours: Neighbours
  readonly standstill: Pick<Standstill, 'missedTurns'>
}

/** Turns between two vectors that a peer sends: floods reach nearly everybody, and a vector finds the rest. */
const turnsPerVector = 10

/** All that is exchanged with neighbours: vectors, words and beats. */
export class Gossip {
  readonly #logger: Logger
  readonly #random: Random
  readonly #neighbours: Neighbours
  readonly #budget: MessageBudget
  readonly #words: WordExchange
  readonly #beats: BeatExchange
  #turns = 0

  constructor(
    dependencies: GossipDependencies,
    listener: GossipListener,
    swarm: string,
    beatIntervalMs: number,
  ) {
    const { logger, random, store, self, neighbours, standstill } = dependencies
    this.#logger = logger
    this.#random = random
    this.#neighbours = neighbours
    const relays = createRelays(self.peerId, (peer) => store.roster.get(peer))
    this.#budget = new MessageBudget(
      beatIntervalMs,
      () => store.roster.size,
      () => standstill.missedTurns(),
    )
    this.#words = new WordExchange({ ...dependencies, ...listener, relays, budget: this.#budget }, swarm)
    this.#beats = new BeatExchange(
      { ...dependencies, ...listener, relays, roster: store.roster },
      swarm,
      beatIntervalMs,
    )
  }

  /** Begins on a new channel: compares what both know, and sends a beat that proves this peer's incarnation. */
  async greet(peer: string): Promise<void> {
    this.#words.ask(peer)
    await this.#beats.sendTo(peer)
  }

  /** @throws {ShoalError} for a fault of the neighbour; `wrong-manifest` when it belongs to another swarm */
  async receive(peer: string, message: MembersMessage): Promise<void> {
    this.#budget.receive(peer, message.type)
    switch (message.type) {
      case 'vector':
        return this.#words.receiveVector(peer, message)
      case 'words':
        return this.#words.receiveWords(peer, message)
      case 'want':
        return this.#words.tell(peer, message.owner)
      case 'proof':
        return this.#words.receiveProof(peer, message)
      case 'beat':
        return this.#beats.receive(peer, message)
    }
  }

  /** Sends a word of this peer to all neighbours. */
  say(word: Word): void {
    this.#words.say(word)
  }

  /** Sends a new beat to all neighbours. Never rejects. */
  async beat(): Promise<void> {
    try {
      await this.#beats.sendToAll()
    } catch (error) {
      this.#logger.error('beat-failed', { reason: messageOf(error) })
    }
  }

  /** One turn: budgets begin anew, and now and then one neighbour is asked for what this peer lacks. */
  tick(): void {
    this.#budget.reset()
    this.#beats.tidy()
    this.#turns += 1
    if (this.#turns % turnsPerVector !== 0) return
    const [anyone] = shuffled(this.#neighbours.ids(), this.#random)
    if (anyone !== undefined) this.#words.ask(anyone)
  }
}
