import { memberLimits } from '../limits.ts'
import { OwnerDocument, type Values } from '../words/document/owner-document.ts'
import { bodyOf, clientOf, hashOfBody, noPrev, type Word, type WordBody } from '../words/word.ts'

/** This peer's own document, from which its words are made. */
export class OwnWords {
  readonly #owner: string
  #incarnation = -1
  #generation = -1
  #seq = 0
  #prev = noPrev
  #document: OwnerDocument | undefined
  #deltas = 0
  #deltaBytes = 0

  constructor(owner: string) {
    this.#owner = owner
  }

  /**
   * The next word, by which readers come to hold exactly these values; undefined when they do so already. It must be
   * given back with {@link said} before the next one is made.
   */
  next(incarnation: number, values: Values): WordBody | undefined {
    if (incarnation !== this.#incarnation) this.#begin(incarnation)
    if (this.#document?.holds(values) === true) return undefined
    const isFull = this.#deltas >= memberLimits.maxDeltas || this.#deltaBytes >= memberLimits.maxDeltaBytes
    const kind = this.#document === undefined || isFull ? 'snapshot' : 'delta'
    if (kind === 'snapshot') this.#generation += 1
    const header = {
      owner: this.#owner,
      incarnation,
      seq: this.#seq + 1,
      generation: this.#generation,
      kind,
      prev: this.#prev,
    } as const
    if (kind === 'snapshot') {
      this.forget()
      this.#document = new OwnerDocument(clientOf({ ...header, update: new Uint8Array() }))
    }
    const update = this.#document?.write(values)
    return update === undefined ? undefined : { ...header, update }
  }

  /** The word was signed and will be sent. */
  said(word: Word): void {
    this.#seq = word.seq
    this.#prev = hashOfBody(bodyOf(word))
    if (word.kind === 'snapshot') return
    this.#deltas += 1
    this.#deltaBytes += word.bytes.length
  }

  /** Lets the next word be a snapshot: the last one was made, but cannot be said. */
  forget(): void {
    this.#document?.destroy()
    this.#document = undefined
    this.#deltas = 0
    this.#deltaBytes = 0
  }

  #begin(incarnation: number): void {
    this.forget()
    this.#incarnation = incarnation
    this.#generation = -1
    this.#seq = 0
    this.#prev = noPrev
  }
}
