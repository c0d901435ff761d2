/** Longest foreign text in one message. Sentences of this software are shorter. */
export const foreignTextLengthMax = 400

/**
 * Characters that a terminal obeys or that change how the text around them is shown: controls of ASCII and Latin-1,
 * marks and overrides of writing direction, line separators, and halves of surrogate pairs.
 */
const unsafe = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Cs}/gu

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * A text from outside, as it may stand in a message, on a terminal or in a log: controls become visible escapes, and what is
 * too long is cut.
 */
export function printable(text: string, lengthMax: number = foreignTextLengthMax): string {
  const short = text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text
  return short.replaceAll(unsafe, escaped)
}

/** {@link printable}, in quotation marks: the words are somebody else's. */
export function quoted(text: string, lengthMax: number = foreignTextLengthMax): string {
  return `'${printable(text, lengthMax)}'`
}

/** As {@link printable} for text of several lines, such as a model's answer: line breaks and tabs stay, and nothing is cut. */
export function printableLines(text: string): string {
  return text.replaceAll(unsafe, (character) =>
    character === '\n' || character === '\t' ? character : escaped(character),
  )
}
