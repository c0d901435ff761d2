/**
 * A mark that is put into the text of a control token in a message, so that the tokenizer does not find the token. A
 * noncharacter of Unicode: no text has it. It is taken out again before the merges, which therefore see the text as the
 * user wrote it; the text becomes ordinary tokens.
 */
export const controlBreaker = '\u{FDD0}'

/** The text that the model's own rules see. */
export function withoutBreakers(text: string): string {
  return text.includes(controlBreaker) ? text.replaceAll(controlBreaker, '') : text
}

/** A control token, and how the tokenizer looks for it. */
export interface ControlToken {
  readonly content: string
  /** Looked for in normalised text. */
  readonly normalized: boolean
}

/**
 * Breaks the texts of control tokens in what users write: only the template's own text may become control tokens.
 * Otherwise a message could end its own turn and begin that of the system. A token of a single character cannot be broken.
 */
export function createControlBreaker(
  tokens: readonly ControlToken[],
  normalize: (text: string) => string,
): (content: string) => string {
  const long = tokens.filter(({ content }) => Array.from(content).length > 1)
  if (long.length === 0) return (content) => content
  const beginning = new RegExp(`(?=${alternatives(long.map(({ content }) => content))})(.)`, 'gsu')
  const normalised = long.filter((token) => token.normalized).map(({ content }) => normalize(content))
  const edges = edgesOf(long.map(({ content }) => content))
  return (content) => {
    // A spelling that normalisation turns into the token can begin anywhere, and may be broken everywhere.
    if (normalised.some((token) => normalize(content).includes(token)))
      return Array.from(content).join(controlBreaker)
    const broken = content.replaceAll(beginning, `$1${controlBreaker}`)
    const begins = edges.endings.has(content.slice(0, 1)) ? controlBreaker : ''
    return begins + broken + (edges.beginnings.has(content.slice(-1)) ? controlBreaker : '')
  }
}

function alternatives(texts: readonly string[]): string {
  return texts.map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)).join('|')
}

/**
 * Characters with which a text can be one side of a token whose other side is the text beside it: those that tokens have
 * before their last character, and those behind their first. Letters do not count: the template's text would have to
 * spell the rest, and most words would be marked.
 */
function edgesOf(texts: readonly string[]): { beginnings: Set<string>; endings: Set<string> } {
  const marks = (text: string): string[] =>
    Array.from(text).filter((character) => !/[\p{L}\p{N}\s_]/u.test(character))
  return {
    beginnings: new Set(texts.flatMap((text) => marks(text.slice(0, -1)))),
    endings: new Set(texts.flatMap((text) => marks(text.slice(1)))),
  }
}
