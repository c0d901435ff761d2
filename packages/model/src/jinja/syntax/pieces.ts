import { fail } from '../failure.ts'
import { tokenize, type Token } from './tokens.ts'

/** A template is text with outputs `{{ }}` and statements `{% %}` in it; comments and white space rules are applied here. */
export type Piece =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'output' | 'statement'; readonly tokens: readonly Token[] }

const opening = /\{%([-+]?)\s*raw\s*(?:-%\}\s*|%\})|(\{\{|\{%|\{#)([-+]?)/g
const commentEnd = /\+#\}|-#\}\s*|#\}\n?/g
const rawEnd = /\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)/g

/**
 * Cuts a template with the rules of trim_blocks and lstrip_blocks, as Hugging Face transformers sets Jinja2: a statement
 * takes the line feed behind it, and the white space before it on its line.
 *
 * @throws {TemplateFailure} at the first fault
 */
export function piecesOf(source: string): Piece[] {
  const pieces: Piece[] = []
  let position = 0
  let lineStarts = true
  const addText = (text: string): void => {
    if (text !== '') pieces.push({ type: 'text', text })
  }
  for (;;) {
    const match = find(opening, source, position)
    if (match === null) {
      addText(source.slice(position))
      return pieces
    }
    const [whole, rawSign, tag, tagSign] = match
    const sign = rawSign ?? tagSign ?? ''
    addText(textBefore(source.slice(position, match.index), sign, tag === '{{', lineStarts))
    const begin = match.index + whole.length
    if (tag === undefined) {
      const end = find(rawEnd, source, begin) ?? fail('Missing end of raw directive')
      addText(textBefore(source.slice(begin, end.index), end[1] ?? '', false, whole.endsWith('\n')))
      position = end.index + end[0].length
    } else if (tag === '{#') {
      const end = find(commentEnd, source, begin) ?? fail('Missing end of comment tag')
      position = end.index + end[0].length
    } else {
      const { tokens, end } = tokenize(source, begin, tag === '{{')
      pieces.push({ type: tag === '{{' ? 'output' : 'statement', tokens })
      position = end
    }
    lineStarts = source[position - 1] === '\n'
  }
}

function find(pattern: RegExp, source: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position
  return pattern.exec(source)
}

/** The text before a tag, without the white space that its sign or lstrip_blocks takes. */
function textBefore(text: string, sign: string, isOutput: boolean, lineStarts: boolean): string {
  if (sign === '-') return text.trimEnd()
  if (sign === '+' || isOutput) return text
  const line = text.lastIndexOf('\n') + 1
  return (line > 0 || lineStarts) && text.slice(line).trim() === '' ? text.slice(0, line) : text
}
