import { ShoalError } from '@shoal/host'
import { memberLimits } from '../limits.ts'
import { recordOfValues, type MemberRecord } from '../records/record.ts'
import { equalBytes, OwnerDocument } from './document/owner-document.ts'
import { bodyOf, clientOf, hashOfBody, noPrev, type Word } from './word.ts'

/** How a word relates to a chain, before its content is read. */
export type Place = 'known' | 'fork' | 'gap' | 'next'

/** The words of one owner's document, a snapshot and the deltas behind it, and the record that follows from them. */
export class Chain {
  readonly #words: Word[] = []
  readonly #document: OwnerDocument
  #record: MemberRecord
  #deltaBytes = 0
  #hash: Uint8Array

  /** @throws {ShoalError} `bad-frame` for a fault of the word's owner */
  constructor(snapshot: Word) {
    if (snapshot.kind !== 'snapshot') throw refuse('a chain begins with a snapshot')
    if (snapshot.seq < 1 || (snapshot.seq === 1) !== equalBytes(snapshot.prev, noPrev))
      throw refuse('its number and its link contradict each other')
    this.#document = new OwnerDocument(clientOf(snapshot))
    this.#record = this.#read(snapshot)
    this.#hash = hashOfBody(bodyOf(snapshot))
    this.#words.push(snapshot)
  }

  /** Snapshot first. Never empty. */
  get words(): readonly Word[] {
    return this.#words
  }

  get last(): Word {
    return this.#words.at(-1)!
  }

  get record(): MemberRecord {
    return this.#record
  }

  /** Hash of the newest word's body. */
  get hash(): Uint8Array {
    return this.#hash
  }

  get byteLength(): number {
    return this.#words.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  /** Whether the owner's next word must be a snapshot. */
  get isFull(): boolean {
    return this.#words.length > memberLimits.maxDeltas || this.#deltaBytes >= memberLimits.maxDeltaBytes
  }

  place(word: Word): Place {
    const { incarnation, seq } = this.last
    if (word.incarnation !== incarnation) {
      if (word.incarnation < incarnation) return 'known'
      return word.kind === 'snapshot' ? 'next' : 'gap'
    }
    if (word.seq > seq) return word.kind === 'snapshot' || word.seq === seq + 1 ? 'next' : 'gap'
    const kept = this.at(word.seq)
    return kept === undefined || equalBytes(bodyOf(kept), bodyOf(word)) ? 'known' : 'fork'
  }

  /** The kept word with this number. */
  at(seq: number): Word | undefined {
    return this.#words[seq - this.#words[0]!.seq]
  }

  /**
   * Adds a delta whose place is `next`. After a refusal the chain is of no further use.
   * @throws {ShoalError} `bad-frame` for a fault of the owner
   */
  add(delta: Word): void {
    this.checkLink(delta)
    if (delta.generation !== this.last.generation) throw refuse('it is of another document')
    if (this.isFull) throw refuse('a snapshot is due')
    this.#record = this.#read(delta)
    this.#hash = hashOfBody(bodyOf(delta))
    this.#deltaBytes += delta.bytes.length
    this.#words.push(delta)
  }

  /**
   * Checks what ties a word to this chain: the link, when it is the very next one, and the order of generations.
   * @throws {ShoalError} `bad-frame` for a fault of the owner
   */
  checkLink(word: Word): void {
    const { incarnation, seq, generation } = this.last
    if (word.incarnation !== incarnation) return
    if (word.seq === seq + 1 && !equalBytes(word.prev, this.#hash))
      throw refuse('it does not follow its link')
    if (word.kind === 'snapshot' && word.generation <= generation)
      throw refuse('it begins a document that has begun already')
  }

  destroy(): void {
    this.#document.destroy()
  }

  #read(word: Word): MemberRecord {
    this.#document.apply(word.update)
    const { owner: peerId, incarnation, seq } = word
    return recordOfValues({ peerId, incarnation, seq }, this.#document.values())
  }
}

function refuse(why: string): ShoalError {
  return new ShoalError('bad-frame', `a word was refused: ${why}`)
}
