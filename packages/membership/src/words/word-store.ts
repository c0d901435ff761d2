import { messageOf, ShoalError, type Clock } from '@shoal/host'
import { memberLimits } from '../limits.ts'
import type { MemberRecord } from '../records/record.ts'
import type { Signer } from '../records/seal.ts'
import { Chain } from './chain.ts'
import { equalBytes } from './document/owner-document.ts'
import { Owners, type Fault, type Owner, type Roster } from './owners.ts'
import { bodyOf, readWord, verifyWord, type Word } from './word.ts'

/** What became of a word. A fault of its sender is thrown instead. */
export type Receipt =
  /** Nothing new, or not to be read now: it is asked for again by a vector. */
  | { readonly outcome: 'known' | 'held-back' }
  /** A word before it is missing. */
  | { readonly outcome: 'gap'; readonly owner: string }
  | { readonly outcome: 'accepted'; readonly word: Word; readonly record: MemberRecord }
  /** The word proves a fault of its owner, who loses this incarnation. */
  | { readonly outcome: 'fault'; readonly owner: string; readonly fault: Fault; readonly why: string }

export interface WordStoreDependencies {
  readonly signer: Pick<Signer, 'verify'>
  readonly clock: Clock
  /** Whether a newcomer may take this member's place when all are taken. */
  readonly isGone: (peer: string) => boolean
}

/**
 * The words of all owners, and the records that follow from them. A word is read in a fixed order, so that each refusal
 * names its culprit: up to the signature it is the sender, who should have read the word before passing it on; behind it,
 * the owner.
 */
export class WordStore {
  readonly #parts: WordStoreDependencies
  readonly #swarm: string
  readonly #owners: Owners

  constructor(dependencies: WordStoreDependencies, swarm: string) {
    this.#parts = dependencies
    this.#swarm = swarm
    this.#owners = new Owners(dependencies.clock, dependencies.isGone)
  }

  get roster(): Roster {
    return this.#owners
  }

  /** For {@link vectorOf} and its kin. */
  get owners(): Owners {
    return this.#owners
  }

  /** @throws {ShoalError} `bad-frame` for a fault of the sender */
  async receive(bytes: Uint8Array): Promise<Receipt> {
    const word = readWord(bytes)
    if (this.#isKnown(word)) return { outcome: 'known' }
    if (!this.#isDue(word.owner)) return { outcome: 'held-back' }
    if (!(await verifyWord(this.#parts.signer, this.#swarm, word)))
      throw new ShoalError('bad-frame', `a word that names ${word.owner} is not signed by it`)
    // Another neighbour may have brought it meanwhile.
    if (this.#isKnown(word)) return { outcome: 'known' }
    const owner = this.#owners.admit(word.owner)
    if (owner === undefined) return { outcome: 'held-back' }
    owner.pace.take()
    return this.#take(owner, word)
  }

  /**
   * Reads a proof that an owner said two different things under one number.
   * @throws {ShoalError} `bad-frame` when it is none, which is a fault of the sender
   */
  async receiveProof(first: Uint8Array, second: Uint8Array): Promise<Receipt> {
    const words = [readWord(first), readWord(second)] as const
    const [a, b] = words
    if (
      a.owner !== b.owner ||
      a.incarnation !== b.incarnation ||
      a.seq !== b.seq ||
      equalBytes(bodyOf(a), bodyOf(b))
    )
      throw new ShoalError('bad-frame', 'two words prove nothing: they do not contradict each other')
    if (this.#isOver(a)) return { outcome: 'known' }
    if (!this.#owners.hasRoomFor(a.owner)) return { outcome: 'held-back' }
    for (const word of words)
      if (!(await verifyWord(this.#parts.signer, this.#swarm, word)))
        throw new ShoalError('bad-frame', `a proof names ${word.owner}, which has not signed it`)
    const owner = this.#owners.admit(a.owner)
    if (owner === undefined) return { outcome: 'held-back' }
    if (this.#isOver(a)) return { outcome: 'known' }
    return this.#blame(owner, a, words, 'it said two different words under one number')
  }

  /** Takes a word of this peer itself, without checking its signature. @returns the record, unless a later one is known */
  put(word: Word): MemberRecord | undefined {
    const owner = this.#owners.admit(word.owner)
    if (owner === undefined || this.#isKnown(word)) return undefined
    const receipt = this.#take(owner, word)
    if (receipt.outcome === 'fault') throw new Error(`this peer's own word breaks a rule: ${receipt.why}`)
    return receipt.outcome === 'accepted' ? receipt.record : undefined
  }

  /** Bytes of all words, as they would be sent to a newcomer. */
  byteLength(): number {
    return [...this.#owners.entries()].reduce((sum, [, { chain }]) => sum + (chain?.byteLength ?? 0), 0)
  }

  close(): void {
    this.#owners.close()
  }

  /** Whether the owner's fault has ended this life already. */
  #isOver({ owner, incarnation }: Word): boolean {
    return incarnation <= (this.#owners.of(owner)?.fault?.incarnation ?? -1)
  }

  #isKnown(word: Word): boolean {
    return this.#isOver(word) || this.#owners.of(word.owner)?.chain?.place(word) === 'known'
  }

  #isDue(name: string): boolean {
    const owner = this.#owners.of(name)
    if (owner === undefined) return this.#owners.hasRoomFor(name)
    const bannedUntilMs = owner.fault?.bannedUntilMs ?? 0
    return bannedUntilMs <= this.#parts.clock.nowMs() && owner.pace.waitMs() === 0
  }

  #take(owner: Owner, word: Word): Receipt {
    const { chain } = owner
    const place = chain?.place(word) ?? (word.kind === 'snapshot' ? 'next' : 'gap')
    if (place === 'fork') {
      const kept = chain?.at(word.seq)
      if (kept === undefined) throw new Error('a fork without the word that it contradicts')
      return this.#blame(owner, word, [kept, word], 'it said two different words under one number')
    }
    if (place !== 'next') return { outcome: 'gap', owner: word.owner }
    try {
      this.#add(owner, word)
    } catch (error) {
      if (!(error instanceof ShoalError)) throw error
      const before = chain?.last.incarnation === word.incarnation ? chain.words : []
      return this.#blame(owner, word, [...before, word], messageOf(error))
    }
    this.#owners.changed()
    const { record } = owner.chain!
    return { outcome: 'accepted', word, record }
  }

  #add(owner: Owner, word: Word): void {
    if (word.kind === 'delta') {
      owner.chain?.add(word)
      return
    }
    owner.chain?.checkLink(word)
    const begun = new Chain(word)
    owner.chain?.destroy()
    owner.chain = begun
  }

  /** The first proof costs the incarnation: most often a key was copied. A second one within a day costs some minutes. */
  #blame(owner: Owner, { owner: name, incarnation }: Word, proof: readonly Word[], why: string): Receipt {
    const nowMs = this.#parts.clock.nowMs()
    const { fault: former, chain } = owner
    const repeated = former !== undefined && nowMs - former.atMs < memberLimits.faultMemoryMs
    const count = repeated ? former.count + 1 : 1
    const banMs =
      count === 1 ? 0 : Math.min(memberLimits.maxOwnerBanMs, memberLimits.firstOwnerBanMs * 2 ** (count - 2))
    const fault: Fault = { incarnation, proof, atMs: nowMs, count, bannedUntilMs: nowMs + banMs }
    owner.fault = fault
    // A delta that failed may have been applied in part. The record stays, as the last one of a life that is over.
    if (chain !== undefined && chain.last.incarnation <= incarnation) chain.destroy()
    return { outcome: 'fault', owner: name, fault, why }
  }
}
