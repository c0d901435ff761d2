import type { CodeRange, Expression, Rules } from './expression.ts'
import { restOfString } from './schema/json-text.ts'
import { utf8Ranges } from './utf8-ranges.ts'

/**
 * The grammar in the EBNF of XGrammar and llama.cpp, whose first rule is `root`. XGrammar takes a class for a class of
 * bytes: `[\u0061-\ud7ff]` allows the bytes 61 to ff there. Characters beyond ASCII are therefore written byte by byte:
 * in a rule for each class, or as options of their own where a class begins an option. What loops should be such a rule,
 * because the library knows beforehand which tokens stay inside of one rule only.
 */
export function printRules({ root, rules }: Rules): GrammarText {
  const printed: Printed = { classes: new Map(), strings: new Map() }
  const lines = [`root ::= ${print(root, false, printed)}`]
  for (const [name, expression] of rules) lines.push(`${name} ::= ${print(expression, false, printed)}`)
  for (const [bytes, name] of printed.classes) lines.push(`${name} ::= ${bytes}`)
  const strings = [...printed.strings.values()].map(({ content }) => content)
  return { ebnf: `${lines.join('\n')}\n`, strings }
}

/** A grammar as the matchers take it. */
export interface GrammarText {
  readonly ebnf: string
  /**
   * Contents of the strings that are matched apart. In the grammar such a string is any string, with `stringMark` of its
   * index behind the opening quote.
   */
  readonly strings: readonly Expression[]
}

/** Characters that stand in no JSON text, so that no other text of a grammar has them. */
export const stringMark = (index: number): string => `\u0001${index}\u0002`

/** What the expressions so far have made necessary. */
interface Printed {
  /** Names of the rules for characters beyond ASCII, by their bytes. */
  readonly classes: Map<string, string>
  /** Equal strings have one index, so that the branches of a choice may have the same string. */
  readonly strings: Map<string, { readonly index: number; readonly content: Expression }>
}

/** @param inner the expression stands beside others, so that a choice or a sequence needs parentheses */
function print(expression: Expression, inner: boolean, printed: Printed): string {
  switch (expression.type) {
    case 'text':
      return quoted(expression.text)
    case 'characters':
      return printCharacters(expression.ranges, printed)
    case 'rule':
      return expression.name
    case 'string': {
      const mark = stringMark(indexOf(expression.content, printed))
      const parts = `${quoted(`"${mark}`)} ${restOfString.name}`
      return inner ? `(${parts})` : parts
    }
    case 'sequence': {
      if (expression.parts.length === 0) return '""'
      const parts = expression.parts.map((part) => print(part, true, printed)).join(' ')
      return inner ? `(${parts})` : parts
    }
    case 'choice': {
      const options = expression.options.flatMap((option) => printOption(option, printed)).join(' | ')
      return inner ? `(${options})` : options
    }
    case 'repeat': {
      const { least, most } = expression
      return `${print(expression.part, true, printed)}${quantifier(least, most)}`
    }
  }
}

function indexOf(content: Expression, { strings }: Printed): number {
  const key = JSON.stringify(content)
  const known = strings.get(key)
  if (known !== undefined) return known.index
  const index = strings.size
  strings.set(key, { index, content })
  return index
}

/** An option that begins with a class is several options, one for each form that the bytes of its characters have. */
function printOption(option: Expression, printed: Printed): string[] {
  const parts = option.type === 'sequence' ? option.parts : [option]
  const [first, ...rest] = parts
  if (first?.type !== 'characters') return [print(option, false, printed)]
  const behind = rest.map((part) => ` ${print(part, true, printed)}`).join('')
  const { ascii, beyond } = byteForms(first.ranges)
  return [...ascii, ...beyond].map((form) => form + behind)
}

function printCharacters(ranges: readonly CodeRange[], printed: Printed): string {
  const { ascii, beyond } = byteForms(ranges)
  const options = [...ascii]
  if (beyond.length > 0) {
    const bytes = beyond.join(' | ')
    const name = printed.classes.get(bytes) ?? `u${printed.classes.size}`
    printed.classes.set(bytes, name)
    options.push(name)
  }
  return options.length === 1 ? (options[0] ?? '') : `(${options.join(' | ')})`
}

/** The ASCII characters of a class in one class, and the bytes of the others in several ones. */
function byteForms(ranges: readonly CodeRange[]): { ascii: string[]; beyond: string[] } {
  const ascii = ranges.filter(([first]) => first < 0x80)
  const classOf = ascii.map(([first, last]) => range(first, Math.min(last, 0x7f))).join('')
  return {
    ascii: ascii.length === 0 ? [] : [`[${classOf}]`],
    beyond: ranges
      .filter(([, last]) => last >= 0x80)
      .flatMap(([first, last]) => utf8Ranges(Math.max(first, 0x80), last))
      .map((each) => each.map(byteClass).join(' ')),
  }
}

/** A class with a single member is a character for the library, so a single byte stands twice. */
const byteClass = ([first, last]: CodeRange): string =>
  first === last ? `[${escaped(first)}${escaped(first)}]` : `[${escaped(first)}-${escaped(last)}]`

function quantifier(least: number, most: number | null): string {
  if (most === null) return least === 0 ? '*' : least === 1 ? '+' : `{${least},}`
  if (least === 0 && most === 1) return '?'
  return least === most ? `{${least}}` : `{${least},${most}}`
}

function quoted(text: string): string {
  return `"${Array.from(text, (character) => plainOrEscaped(character.codePointAt(0) ?? 0)).join('')}"`
}

const range = (first: number, last: number): string =>
  first === last ? escaped(first) : `${escaped(first)}-${escaped(last)}`

/** Letters, digits and the signs of JSON that mean nothing in EBNF stay readable. */
function plainOrEscaped(codePoint: number): string {
  const character = String.fromCodePoint(codePoint)
  return /[\w {}[\]:,.+/<>=|()-]/.test(character) ? character : escaped(codePoint)
}

function escaped(codePoint: number): string {
  const digits = codePoint.toString(16)
  return codePoint > 0xff_ff ? `\\U${digits.padStart(8, '0')}` : `\\u${digits.padStart(4, '0')}`
}
