import type { CodeRange, Expression, Rules } from './expression.ts'
import { utf8Ranges } from './utf8-ranges.ts'

/**
 * The grammar in the EBNF of XGrammar and llama.cpp, whose first rule is `root`. XGrammar takes a class for a class of
 * bytes: `[\u0061-\ud7ff]` allows the bytes 61 to ff there. Characters beyond ASCII are therefore written byte by byte:
 * in a rule for each class, or as options of their own where a class begins an option. What loops should be such a rule,
 * because the library knows beforehand which tokens stay inside of one rule only.
 */
export function printRules({ root, rules }: Rules): string {
  const classes = new Map<string, string>()
  const lines = [`root ::= ${print(root, false, classes)}`]
  for (const [name, expression] of rules) lines.push(`${name} ::= ${print(expression, false, classes)}`)
  for (const [bytes, name] of classes) lines.push(`${name} ::= ${bytes}`)
  return `${lines.join('\n')}\n`
}

/** Names of the rules for characters beyond ASCII, by their bytes. */
type Classes = Map<string, string>

/** @param inner the expression stands beside others, so that a choice or a sequence needs parentheses */
function print(expression: Expression, inner: boolean, classes: Classes): string {
  switch (expression.type) {
    case 'text':
      return quoted(expression.text)
    case 'characters':
      return printCharacters(expression.ranges, classes)
    case 'rule':
      return expression.name
    case 'sequence': {
      if (expression.parts.length === 0) return '""'
      const parts = expression.parts.map((part) => print(part, true, classes)).join(' ')
      return inner ? `(${parts})` : parts
    }
    case 'choice': {
      const options = expression.options.flatMap((option) => printOption(option, classes)).join(' | ')
      return inner ? `(${options})` : options
    }
    case 'repeat': {
      const { least, most } = expression
      return `${print(expression.part, true, classes)}${quantifier(least, most)}`
    }
  }
}

/** An option that begins with a class is several options, one for each form that the bytes of its characters have. */
function printOption(option: Expression, classes: Classes): string[] {
  const parts = option.type === 'sequence' ? option.parts : [option]
  const [first, ...rest] = parts
  if (first?.type !== 'characters') return [print(option, false, classes)]
  const behind = rest.map((part) => ` ${print(part, true, classes)}`).join('')
  const { ascii, beyond } = byteForms(first.ranges)
  return [...ascii, ...beyond].map((form) => form + behind)
}

function printCharacters(ranges: readonly CodeRange[], classes: Classes): string {
  const { ascii, beyond } = byteForms(ranges)
  const options = [...ascii]
  if (beyond.length > 0) {
    const bytes = beyond.join(' | ')
    const name = classes.get(bytes) ?? `u${classes.size}`
    classes.set(bytes, name)
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
