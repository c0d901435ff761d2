import { createSerialQueue } from '@shoal/host'
import type { Beat, PeerLoad } from '@shoal/protocol'
import { sealStatement, type Statement } from '../cell/statement.ts'
import { valuesOfRecord, type MemberGroup, type MemberRecord, type RecordPlace } from '../records/record.ts'
import type { Signer } from '../records/seal.ts'
import { unmeasuredHardware } from '../records/unmeasured-hardware.ts'
import type { WordStore } from '../words/word-store.ts'
import { sealWord, type Word } from '../words/word.ts'
import { OwnWords } from './own-words.ts'

/** What a peer may announce of itself; this package keeps the other fields of its record. */
export type Announcement = Partial<Omit<MemberRecord, keyof RecordPlace | 'links' | 'group'>> & {
  /** Null: the peer leads no group any more. */
  readonly group?: MemberGroup | null
}

/** An announcement, with the links that this package measures. */
export type OwnChange = Announcement & { readonly links?: MemberRecord['links'] }

export interface SelfDependencies {
  readonly peerId: string
  readonly signer: Signer
  readonly store: Pick<WordStore, 'put'>
  readonly addresses: () => readonly string[]
}

type Draft = Omit<MemberRecord, keyof RecordPlace>

/** This peer's own words and statements: numbered, signed, and made in the order in which they were announced. */
export class Self {
  load: PeerLoad = { sessions: 0, busyPermille: 0 }
  readonly #parts: SelfDependencies
  readonly #swarm: string
  readonly #writes = createSerialQueue()
  readonly #words: OwnWords
  #incarnation: number
  #record: MemberRecord | undefined
  /** All announcements merged. Each word tells how it differs from the words before. */
  #draft: Draft | undefined
  #beat = 0
  /** Number of the last `alive` of this life; -1 before the first. */
  #sworn = -1

  constructor(dependencies: SelfDependencies, swarm: string, incarnation: number) {
    this.#parts = dependencies
    this.#swarm = swarm
    this.#incarnation = incarnation
    this.#words = new OwnWords(dependencies.peerId)
  }

  get peerId(): string {
    return this.#parts.peerId
  }

  get incarnation(): number {
    return this.#incarnation
  }

  /** The newest record that was announced; undefined before the first announcement. */
  get record(): MemberRecord | undefined {
    return this.#record
  }

  /** Merges a change into the record that {@link say} announces next. */
  change(change: OwnChange): void {
    if (this.#draft === undefined && Object.keys(change).length === 0) return
    this.#draft = merged(this.#draft ?? emptyDraft(this.#parts.addresses()), change)
  }

  /**
   * Signs what has changed since the last word.
   * @returns the word for all neighbours; undefined when nothing has changed
   * @throws {ShoalError} `limit-exceeded` when the record would be refused by every reader
   */
  say(): Promise<Word | undefined> {
    return this.#writes.run(() => this.#write())
  }

  /** Begins the next life: beats and words are numbered anew. */
  raise(incarnation: number): void {
    if (incarnation <= this.#incarnation)
      throw new Error(`incarnation ${incarnation} is not above ${this.#incarnation}`)
    this.#incarnation = incarnation
    this.#beat = 0
    this.#sworn = -1
  }

  /** The next beat; that of an observer before the first announcement. */
  beat(): Pick<Beat, 'incarnation' | 'beat' | keyof PeerLoad> {
    if (this.#record === undefined) return { incarnation: 0, beat: 0, ...this.load }
    this.#beat += 1
    return { incarnation: this.#incarnation, beat: this.#beat, ...this.load }
  }

  /** Signs that this life goes on; undefined when it is over. */
  async swear(): Promise<Statement | undefined> {
    if (this.#record?.incarnation !== this.#incarnation || this.#record.state === 'left') return undefined
    this.#sworn += 1
    const statement = {
      kind: 'alive',
      signer: this.peerId,
      subject: this.peerId,
      incarnation: this.#incarnation,
      count: this.#sworn,
    } as const
    return sealStatement(this.#parts.signer, this.#swarm, statement)
  }

  async #write(): Promise<Word | undefined> {
    const { signer, store } = this.#parts
    for (;;) {
      const draft = this.#draft
      const incarnation = this.#incarnation
      if (draft === undefined) return undefined
      const body = this.#words.next(incarnation, valuesOfRecord(draft))
      if (body === undefined) return undefined
      let word: Word
      try {
        word = await sealWord(signer, this.#swarm, body)
      } catch (error) {
        this.#words.forget()
        throw error
      }
      // A new life began meanwhile, and its words are numbered anew.
      if (incarnation !== this.#incarnation) continue
      this.#words.said(word)
      this.#record = { ...draft, peerId: this.peerId, incarnation, seq: word.seq }
      store.put(word)
      return word
    }
  }
}

function emptyDraft(addresses: readonly string[]): Draft {
  return {
    state: 'joining',
    span: null,
    hardware: unmeasuredHardware,
    numericClass: 'none',
    addresses,
    version: '',
    links: {},
  }
}

/** A change without `group` leaves it as it is; `null` removes it. */
function merged(record: Draft, change: OwnChange): Draft {
  const { group = record.group, ...rest } = change
  const { group: _former, ...others } = record
  return { ...others, ...rest, ...(group === null || group === undefined ? {} : { group }) }
}
