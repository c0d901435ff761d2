import { ShoalError, type Logger, type Random } from '@shoal/host'
import type { MembersMessage, MembersProof, MembersVector, MembersWords } from '@shoal/protocol'
import { memberLimits } from '../limits.ts'
import type { Neighbours } from '../neighbours/neighbours.ts'
import { shuffled } from '../neighbours/shuffled.ts'
import type { MemberRecord } from '../records/record.ts'
import { compareVector, isContradiction, tellAll, vectorOf } from '../words/vector.ts'
import type { Receipt, WordStore } from '../words/word-store.ts'
import type { Word } from '../words/word.ts'
import type { MessageBudget } from './message-budget.ts'
import type { Relays } from './relays.ts'

export interface WordExchangeDependencies {
  readonly random: Random
  readonly logger: Logger
  readonly store: WordStore
  readonly neighbours: Pick<Neighbours, 'ids' | 'send' | 'flood'>
  readonly relays: Relays
  readonly budget: MessageBudget
  /** A word has changed its owner's record. */
  onRecord(record: MemberRecord): void
  /** An owner has lost this life and all before it by a fault that its own words prove. */
  onFault(owner: string, incarnation: number): void
}

type Accepted = Extract<Receipt, { outcome: 'accepted' }>

/** Keeps this peer's words equal to those of its neighbours. */
export class WordExchange {
  readonly #parts: WordExchangeDependencies
  readonly #swarm: string

  constructor(dependencies: WordExchangeDependencies, swarm: string) {
    this.#parts = dependencies
    this.#swarm = swarm
  }

  /** Asks a neighbour for what this peer lacks, and tells it what it may ask for. */
  ask(peer: string): void {
    if (this.#parts.budget.mayAsk(peer)) this.#sendVector(peer, false)
  }

  /** Sends a word of this peer to all neighbours. */
  say(word: Word): void {
    this.#parts.neighbours.flood({ type: 'words', words: [word.bytes] }, [])
  }

  /** @throws {ShoalError} `wrong-manifest` when the neighbour belongs to another swarm */
  receiveVector(peer: string, { swarm, salt, answer, hashes }: MembersVector): void {
    if (swarm !== this.#swarm)
      throw new ShoalError(
        'wrong-manifest',
        `${peer} is in the swarm '${swarm}', this one is '${this.#swarm}'`,
      )
    const { missing, unknown } = compareVector(this.#parts.store.owners, salt, hashes)
    this.#tell(peer, missing)
    if (unknown && !answer) this.#sendVector(peer, true)
  }

  tell(peer: string, owner: string): void {
    this.#tell(peer, [owner])
  }

  /** Reads words in their order, and passes on those that were new. @throws {ShoalError} `bad-frame` for a fault of the neighbour */
  async receiveWords(peer: string, { words }: MembersWords): Promise<void> {
    const { store, neighbours, budget } = this.#parts
    const accepted: Accepted[] = []
    try {
      for (const bytes of words) {
        const receipt = await store.receive(bytes)
        if (receipt.outcome === 'accepted') {
          accepted.push(receipt)
          this.#parts.onRecord(receipt.record)
        }
        if (receipt.outcome === 'gap' && budget.mayWant(peer))
          neighbours.send(peer, { type: 'want', owner: receipt.owner })
        this.#heedFault(peer, receipt)
      }
    } finally {
      this.#passOn(peer, accepted)
    }
  }

  /** @throws {ShoalError} `bad-frame` for a fault of the neighbour */
  async receiveProof(peer: string, { words }: MembersProof): Promise<void> {
    const [first, second] = words
    if (first === undefined || second === undefined) throw new ShoalError('bad-frame', 'a proof is two words')
    this.#heedFault(peer, await this.#parts.store.receiveProof(first, second))
  }

  #sendVector(peer: string, answer: boolean): void {
    const { random, store, neighbours } = this.#parts
    const salt = random.uint32()
    const hashes = vectorOf(store.owners, salt)
    neighbours.send(peer, { type: 'vector', swarm: this.#swarm, salt, answer, hashes })
  }

  #tell(peer: string, owners: readonly string[]): void {
    for (const message of tellAll(this.#parts.store.owners, owners))
      this.#parts.neighbours.send(peer, message)
  }

  /** The proof is flooded to all: whoever has it stops to plan with its owner. */
  #heedFault(sender: string, receipt: Receipt): void {
    if (receipt.outcome !== 'fault') return
    const { logger, neighbours } = this.#parts
    const { owner, why, fault } = receipt
    logger.warn('owner-at-fault', { owner, incarnation: fault.incarnation, why, proofs: fault.count })
    const words = fault.proof.map(({ bytes }) => bytes)
    const message: MembersMessage = { type: isContradiction(fault.proof) ? 'proof' : 'words', words }
    neighbours.flood(message, [sender])
    this.#parts.onFault(owner, fault.incarnation)
  }

  /**
   * Passes words on to neighbours to which they may be news. A word of an owner that has said several before was sent by it
   * to all who have a link with it; all others are passed on at random. A neighbour that is missed by chance gets the word
   * by a vector.
   */
  #passOn(sender: string, accepted: readonly Accepted[]): void {
    if (accepted.length === 0) return
    const { neighbours, relays, random } = this.#parts
    const records = accepted.map(({ record }) => record)
    const settled = records.every(({ seq }) => seq > memberLimits.youngRecords)
    const hasAll = (id: string): boolean =>
      settled && records.every(({ peerId }) => id === peerId || relays.near(peerId, id))
    const mayLack = neighbours.ids().filter((id) => id !== sender && !hasAll(id))
    const words = accepted.map(({ word }) => word.bytes)
    for (const id of shuffled(mayLack, random).slice(0, memberLimits.fanOut))
      neighbours.send(id, { type: 'words', words })
  }
}
