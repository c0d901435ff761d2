import { ShoalError, type Logger, type Random } from '@shoal/host'
import type { MembersProof, MembersVector } from '@shoal/protocol'
import type { Neighbours } from '../neighbours/neighbours.ts'
import type { MemberRecord } from '../records/record.ts'
import { compareVector, digestOfWords, isContradiction, tellAll, vectorOf } from '../words/vector.ts'
import type { Receipt, WordStore } from '../words/word-store.ts'
import type { Word } from '../words/word.ts'
import type { MessageBudget } from './message-budget.ts'
import type { News, Tree } from './tree.ts'

export interface WordExchangeDependencies {
  readonly random: Random
  readonly logger: Logger
  readonly store: WordStore
  readonly neighbours: Pick<Neighbours, 'send'>
  readonly tree: Tree
  readonly budget: MessageBudget
  /** A word has changed its owner's record. */
  onRecord(record: MemberRecord): void
  /** An owner has lost this life and all before it by a fault that its own words prove. */
  onFault(owner: string, incarnation: number): void
}

/** How words come: as news at once, as news on a beat, or as an answer to a vector or a want. */
export type WordsCame = 'pushed' | 'riding' | 'answered'

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

  /** Tells all others a word of this peer: at once, or with the next beats. */
  say(word: Word, urgent: boolean): void {
    if (urgent) this.#parts.tree.push({ type: 'words', pushed: true, words: [word.bytes] })
    else this.#parts.tree.ride([word.bytes])
  }

  /** Digest of all that is known here. */
  digest(): number {
    return digestOfWords(this.#parts.store.owners)
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
  async receiveWords(peer: string, words: readonly Uint8Array[], came: WordsCame): Promise<void> {
    const { store, neighbours, budget, tree } = this.#parts
    const accepted: Uint8Array[] = []
    let repeated = words.length > 0
    try {
      for (const bytes of words) {
        const receipt = await store.receive(bytes)
        if (receipt.outcome !== 'known') repeated = false
        if (receipt.outcome === 'accepted') {
          accepted.push(receipt.word.bytes)
          this.#parts.onRecord(receipt.record)
        }
        if (receipt.outcome === 'gap' && budget.mayWant(peer))
          neighbours.send(peer, { type: 'want', owner: receipt.owner })
        this.#heedFault(peer, receipt)
      }
    } finally {
      if (accepted.length > 0) {
        if (came === 'riding') tree.ride(accepted, peer)
        else tree.push({ type: 'words', pushed: true, words: accepted }, peer)
      }
    }
    if (repeated && came !== 'answered') tree.repeated(peer)
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
    const { logger, tree } = this.#parts
    const { owner, why, fault } = receipt
    logger.warn('owner-at-fault', { owner, incarnation: fault.incarnation, why, proofs: fault.count })
    const words = fault.proof.map(({ bytes }) => bytes)
    const news: News = isContradiction(fault.proof)
      ? { type: 'proof', words }
      : { type: 'words', pushed: true, words }
    tree.push(news, sender)
    this.#parts.onFault(owner, fault.incarnation)
  }
}
