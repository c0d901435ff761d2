import type { GrammarMatcher } from '@mlc-ai/web-xgrammar'
import { stringMark } from '../print.ts'
import type { Id } from '../strings/byte-expressions.ts'
import type { StringMasks } from '../strings/string-masks.ts'

/** The library's matcher of an answer. */
export type LibraryMatcher = Pick<
  GrammarMatcher,
  'acceptToken' | '_acceptString' | 'rollBack' | 'isTerminated' | 'getNextTokenBitmask' | 'dispose'
>

/** The strings of a grammar that are matched apart, and how many there are; null for a grammar without any. */
export interface StringsApart {
  readonly masks: StringMasks
  readonly count: number
}

/** What one token has changed. */
interface Step {
  /** Steps that the library has made: one for the token, and one for a string that it has begun. */
  readonly library: number
  /** The place inside of a string behind the token; null outside. */
  readonly place: Id | null
}

const quote = 0x22

/**
 * An answer in the library, with those of its strings that are matched apart. Behind the opening quote of such a string
 * the library wants a mark that no answer has: it is given here, and says which string has begun.
 */
export class MarkedAnswer {
  readonly #matcher: LibraryMatcher
  readonly #strings: StringsApart | null
  readonly #lastByte: (tokenId: number) => number
  readonly #steps: Step[] = []

  /** @param lastByte of a token; -1 for one without text */
  constructor(matcher: LibraryMatcher, strings: StringsApart | null, lastByte: (tokenId: number) => number) {
    this.#matcher = matcher
    this.#strings = strings
    this.#lastByte = lastByte
  }

  /** Goes back to the first `length` tokens. */
  keep(length: number): void {
    const library = this.#steps.splice(length).reduce((sum, step) => sum + step.library, 0)
    if (library > 0) this.#matcher.rollBack(library)
  }

  /** @returns whether the grammar allows the token */
  accept(tokenId: number): boolean {
    if (!this.#matcher.acceptToken(tokenId)) return false
    const before = this.#steps.at(-1)?.place ?? null
    const place = before === null ? null : this.#strings?.masks.after(before, tokenId)
    if (place === undefined) return false
    const begun = place === null && this.#lastByte(tokenId) === quote ? this.#begun() : null
    this.#steps.push(begun === null ? { library: 1, place } : { library: 2, place: begun })
    return true
  }

  /** One bit for each token that may follow; null behind the end. */
  async mask(): Promise<Int32Array<ArrayBuffer> | null> {
    if (this.#matcher.isTerminated()) return null
    const mask = (await this.#matcher.getNextTokenBitmask()) as Int32Array<ArrayBuffer>
    const place = this.#steps.at(-1)?.place ?? null
    if (place !== null) this.#strings?.masks.restrict(mask, place)
    return mask
  }

  dispose(): void {
    this.#matcher.dispose()
  }

  /** The place in the string that the quote before has begun; null where it was no such quote. */
  #begun(): Id | null {
    const { masks, count } = this.#strings ?? { masks: null, count: 0 }
    for (let index = 0; index < count; index += 1)
      if (this.#matcher._acceptString(stringMark(index))) return masks?.begin(index) ?? null
    return null
  }
}
