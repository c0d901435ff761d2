import { fail } from '../failure.ts'

export type Token =
  | { readonly type: 'name' | 'string' | 'operator'; readonly text: string }
  | { readonly type: 'integer'; readonly value: bigint }
  | { readonly type: 'float'; readonly value: number }

const space = /\s+/y
const float = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy
const integer = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy
const name = /[\p{L}\p{N}\p{M}_]+/uy
const string = /'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"/sy
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y
const outputEnd = /-\}\}\s*|\}\}/y
const statementEnd = /\+%\}|-%\}\s*|%\}\n?/y

const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

/**
 * The tokens of one tag from `begin` to its end, which stands outside all brackets.
 * @throws {TemplateFailure} for a tag that does not end or has characters of no token
 */
export function tokenize(source: string, begin: number, isOutput: boolean): { tokens: Token[]; end: number } {
  const tokens: Token[] = []
  const open: string[] = []
  const tagEnd = isOutput ? outputEnd : statementEnd
  let position = begin
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = position
    const text = pattern.exec(source)?.[0] ?? null
    if (text !== null) position += text.length
    return text
  }
  for (;;) {
    if (open.length === 0 && match(tagEnd) !== null) return { tokens, end: position }
    if (match(space) !== null) continue
    const token = numberToken(match) ?? wordToken(match)
    if (token !== null) {
      tokens.push(token)
      continue
    }
    const text = match(operator)
    if (text === null)
      return fail(
        position >= source.length ? 'unexpected end of template' : `unexpected char '${source[position]}'`,
      )
    const close = closing[text]
    if (close !== undefined) open.push(close)
    else if (/[)\]}]/.test(text) && open.pop() !== text) return fail(`unexpected '${text}'`)
    tokens.push({ type: 'operator', text })
  }
}

function numberToken(match: (pattern: RegExp) => string | null): Token | null {
  const floating = match(float)
  if (floating !== null) return { type: 'float', value: Number(floating.replaceAll('_', '')) }
  const whole = match(integer)
  return whole === null ? null : { type: 'integer', value: BigInt(whole.replaceAll('_', '')) }
}

function wordToken(match: (pattern: RegExp) => string | null): Token | null {
  const word = match(name)
  if (word !== null) return { type: 'name', text: word }
  const literal = match(string)
  return literal === null ? null : { type: 'string', text: unescaped(literal.slice(1, -1)) }
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\u0007',
  '\n': '',
}

/** Escapes of Python's string literals. An unknown one stays as it is written. */
function unescaped(literal: string): string {
  return literal.replaceAll(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([^]))/g,
    (whole: string, ...groups: (string | undefined)[]) => {
      const [two, four, eight, octal, other = ''] = groups
      const hexadecimal = two ?? four ?? eight
      if (hexadecimal !== undefined) return characterOf(Number.parseInt(hexadecimal, 16))
      if (octal !== undefined) return characterOf(Number.parseInt(octal, 8))
      return /[\\'"]/.test(other) ? other : (escapes[other] ?? whole)
    },
  )
}

function characterOf(code: number): string {
  return code <= 0x10_ff_ff ? String.fromCodePoint(code) : fail('illegal Unicode character')
}
