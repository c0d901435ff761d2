import type { JsonObject } from '../json-fields.ts'

/**
 * Stands behind the first character of a control token's text in a message, so that the tokenizer does not find the token.
 * A noncharacter of Unicode: no text has it. It is taken out again before the merges, which therefore see the text as the
 * user wrote it; the text becomes ordinary tokens.
 */
const breaker = '\u{FDD0}'

/**
 * Breaks the texts of control tokens in what users write: only the template's own text may become control tokens.
 * Otherwise a message could end its own turn and begin that of the system. A token of a single character cannot be broken.
 *
 * @param tokens texts of the tokenizer's special tokens
 */
export function createControlBreaker(tokens: readonly string[]): (content: string) => string {
  const long = tokens.filter((token) => Array.from(token).length > 1)
  if (long.length === 0) return (content) => content
  const alternatives = long
    .map((token) => token.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`))
    .join('|')
  const beginning = new RegExp(`(?=${alternatives})(.)`, 'gsu')
  return (content) => content.replaceAll(beginning, `$1${breaker}`)
}

/** The tokenizer.json whose texts lose the breakers after control tokens have been found and before the merges. */
export function droppingBreakers(tokenizer: JsonObject): JsonObject {
  const drop = { type: 'Replace', pattern: { String: breaker }, content: '' }
  const own = tokenizer['pre_tokenizer'] ?? null
  const pretokenizers = own === null ? [drop] : [drop, own]
  return { ...tokenizer, pre_tokenizer: { type: 'Sequence', pretokenizers } }
}
