import { sequence, text, type Expression } from '../expression.ts'
import type { VocabularyBytes } from '../matching/matcher-calls.ts'
import { ByteExpressions, empty, nothing, type Id } from './byte-expressions.ts'
import { endOf, markTokens, sortTokens, startOf, type SortedTokens } from './sorted-tokens.ts'

/** Nearly all tokens are shorter: 99.6 of 100 in Llama 3. */
const shortMax = 16
/** Masks that are kept: 16 kB each at a vocabulary of 128,256. */
const masksMax = 512

/** The tokens of a vocabulary as strings look them up; sorting them takes 0.3 s at a vocabulary of 128,256. */
export interface StringTokens {
  readonly vocabulary: VocabularyBytes
  readonly short: SortedTokens
  readonly long: SortedTokens
}

export const sortForStrings = (vocabulary: VocabularyBytes): StringTokens => ({
  vocabulary,
  short: sortTokens(vocabulary, (length) => length <= shortMax),
  long: sortTokens(vocabulary, (length) => length > shortMax),
})

/** Which tokens may follow inside of the strings of one grammar. */
export class StringMasks {
  readonly #tokens: StringTokens
  readonly #expressions = new ByteExpressions(shortMax)
  readonly #begins: readonly Id[]
  /** Of short tokens, by the expression without its large counts. */
  readonly #short = new Map<Id, Int32Array>()
  readonly #long = new Map<Id, Int32Array>()

  /** @param contents what stands between the quotes of each string */
  constructor(tokens: StringTokens, contents: readonly Expression[]) {
    this.#tokens = tokens
    this.#begins = contents.map((content) => this.#expressions.from(sequence(content, text('"'))))
  }

  /** The place behind the opening quote of a string. */
  begin(index: number): Id {
    return this.#begins[index] ?? nothing
  }

  /** The place behind a token: null behind the closing quote, undefined where the string does not allow the token. */
  after(place: Id, tokenId: number): Id | null | undefined {
    const { bytes, ends } = this.#tokens.vocabulary
    let state = place
    for (let at = startOf(ends, tokenId); at < endOf(ends, tokenId); at += 1) {
      state = this.#expressions.derive(state, bytes[at] ?? 0)
      if (state === empty) return null
      if (state === nothing) return undefined
    }
    return state
  }

  /** Takes those tokens out of a mask that the string does not allow at this place. */
  restrict(mask: Int32Array, place: Id): void {
    const { short, long } = this.#tokens
    const some = this.#mask(this.#short, short, this.#expressions.clamp(place))
    const others = this.#mask(this.#long, long, place)
    for (let word = 0; word < mask.length; word += 1)
      mask[word] = (mask[word] ?? 0) & ((some[word] ?? 0) | (others[word] ?? 0))
  }

  #mask(kept: Map<Id, Int32Array>, tokens: SortedTokens, place: Id): Int32Array {
    const known = kept.get(place)
    if (known !== undefined) return known
    const made = new Int32Array(Math.ceil(this.#tokens.vocabulary.ends.length / 32))
    markTokens(this.#tokens.vocabulary, tokens, this.#expressions, place, made)
    if (kept.size >= masksMax) kept.clear()
    kept.set(place, made)
    return made
  }
}
