import { quoted } from '@shoal/host'
import { ModelError } from '@shoal/model'

/** A text, a comment or a class of EBNF, whichever comes first. */
const pieces = /"(?:[^"\\]|\\[^])*"|#[^\n]*|\[(?:[^\]\\]|\\[^])*\]/gu
const escapes = /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2}))/gu

/**
 * The library reads classes as bytes, so that one with characters beyond ASCII would allow something else.
 * @throws {ModelError} `bad-request`
 */
export function checkClasses(grammar: string): void {
  for (const [piece] of grammar.matchAll(pieces)) {
    if (!piece.startsWith('[')) continue
    const codes = Array.from(piece.matchAll(escapes), ([, ...digits]) => Number.parseInt(digits.join(''), 16))
    if (codes.some((code) => code > 0x7f) || /[^\0-\x7f]/u.test(piece))
      throw new ModelError(
        'bad-request',
        `the class ${quoted(piece)} has characters beyond ASCII, which is not supported: write them as texts, "é" | "è"`,
      )
  }
}
