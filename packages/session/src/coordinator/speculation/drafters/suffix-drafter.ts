import { sessionLimits } from '../../../route/limits.ts'
import type { Drafter } from './drafter.ts'

/** Tokens that must agree before an earlier place is followed. */
const seedTokens = 3
/** Most equal tokens that are counted: more of them do not make the prediction better. */
const matchTokensMax = 16
/** Least numbers of equal tokens of kinds 1, 2 and 3; kind 0 goes on after a token that was replaced. */
const kindFrom = [1, 4, 9]

/**
 * Drafts what came after the last occurrence of the last tokens, in prompt and answer: for texts that repeat, quote or edit
 * what they have seen. After a token that differs, it goes on behind the token that was replaced there, until the last
 * tokens occur elsewhere. A token costs one look-up and at most `matchTokensMax` comparisons.
 */
export class SuffixDrafter implements Drafter {
  readonly #text: number[] = []
  /** Where the last occurrence of `seedTokens` tokens ends. The oldest are forgotten first. */
  readonly #ends = new Map<string, number>()
  /** Position in the text of the token that is expected next; null when nothing is followed. */
  #next: number | null = null
  #matched = 0

  append(tokenId: number): void {
    const expected = this.#next
    const right = expected !== null && this.#text[expected] === tokenId
    this.#text.push(tokenId)
    const length = this.#text.length
    const key = this.#text.slice(-seedTokens).join()
    if (right) {
      this.#next = expected + 1
      this.#matched += 1
    } else {
      const found = length < seedTokens ? undefined : this.#ends.get(key)
      this.#next = found ?? (expected === null || this.#matched === 0 ? null : expected + 1)
      this.#matched = found === undefined ? 0 : this.#agreement(found)
    }
    if (length < seedTokens) return
    this.#ends.delete(key)
    this.#ends.set(key, length)
    if (this.#ends.size <= sessionLimits.draftPlacesMax) return
    const [oldest] = this.#ends.keys()
    this.#ends.delete(oldest!)
  }

  get kind(): number {
    return kindFrom.findLastIndex((from) => this.#matched >= from) + 1
  }

  /** Whether a place in the text is followed. */
  get follows(): boolean {
    return this.#next !== null
  }

  draft(ahead: readonly number[], count: number): readonly number[] {
    if (this.#next === null) return []
    const behind = [...ahead]
    for (let made = 0; made < count; made += 1) {
      const from = this.#next + behind.length
      // In a text that repeats itself, the place may reach the end of the text and go on in the drafted tokens.
      behind.push(from < this.#text.length ? this.#text[from]! : behind[from - this.#text.length]!)
    }
    return behind.slice(ahead.length)
  }

  /** How many tokens before `end` equal those at the end of the text. */
  #agreement(end: number): number {
    const length = this.#text.length
    let tokens = 0
    while (
      tokens < Math.min(end, matchTokensMax) &&
      this.#text[end - 1 - tokens] === this.#text[length - 1 - tokens]
    )
      tokens += 1
    return tokens
  }
}
