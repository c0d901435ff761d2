/** A token that is found in a text before anything else happens to it. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  /** Left out of answers, and never made of what users write. */
  readonly special: boolean
  /** Looked for in normalised text, by its own normalised text. */
  readonly normalized: boolean
  /** Found only where no letter, digit or underscore touches it. */
  readonly singleWord: boolean
  /** Takes the white space before it. */
  readonly stripsLeft: boolean
  /** Takes the white space behind it. */
  readonly stripsRight: boolean
}

/** The text between two added tokens, and where it starts. */
export interface TextSection {
  readonly text: string
  readonly start: number
}

/** A found token, or the text between two of them. */
export type Section = { readonly id: number } | TextSection

/** Finds the longest of some tokens at each place of a text, from left to right. */
export interface AddedTokenFinder {
  split(text: string): readonly Section[]
}

/** @param entries tokens with the text that is looked for; the first of equal texts counts */
export function createAddedTokenFinder(
  entries: readonly (readonly [string, AddedToken])[],
): AddedTokenFinder {
  const byText = new Map<string, AddedToken>()
  for (const [text, token] of entries) if (text !== '' && !byText.has(text)) byText.set(text, token)
  if (byText.size === 0) return { split: (text) => (text === '' ? [] : [{ text, start: 0 }]) }
  // The longest first: an alternation takes the first alternative that matches.
  const texts = [...byText.keys()].toSorted((one, other) => other.length - one.length)
  const pattern = new RegExp(texts.map(escapedPattern).join('|'), 'gu')
  return {
    split(text) {
      const sections: Section[] = []
      let end = 0
      const rest = (until: number): void => {
        if (until > end) sections.push({ text: text.slice(end, until), start: end })
      }
      for (const { 0: found, index } of text.matchAll(pattern)) {
        const token = byText.get(found)
        if (token === undefined || index < end) continue
        const [from, to] = [index, index + found.length]
        if (token.singleWord && (endsInWord(text.slice(0, from)) || beginsWithWord(text.slice(to)))) continue
        rest(token.stripsLeft ? Math.max(end, text.slice(0, from).search(/\p{White_Space}*$/u)) : from)
        sections.push({ id: token.id })
        end = token.stripsRight ? to + (/^\p{White_Space}*/u.exec(text.slice(to))?.[0].length ?? 0) : to
      }
      rest(text.length)
      return sections
    },
  }
}

/** A text as a regular expression that matches just it. */
export function escapedPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)
}

const word = String.raw`[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]`
const wordEnd = new RegExp(`${word}$`, 'u')
const wordBeginning = new RegExp(`^${word}`, 'u')

function endsInWord(text: string): boolean {
  return wordEnd.test(text.slice(-2))
}

function beginsWithWord(text: string): boolean {
  return wordBeginning.test(text.slice(0, 2))
}
