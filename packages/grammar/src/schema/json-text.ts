import {
  characters,
  choice,
  empty,
  optional,
  repeat,
  rule,
  sequence,
  text,
  type CodeRange,
  type Expression,
} from '../expression.ts'

/** White space between JSON tokens: nothing, one blank, or a new line with an indent. The limit lets answers come to an end. */
export const blank = rule('blank')
/** One character of a JSON string. */
export const stringCharacter = rule('character')
/** What follows in a string without a bound, with its closing quote; far faster to match than a repetition. */
export const restOfString = { type: 'rule', name: 'rest' } as const
export const anyValue = rule('value')
export const anyObject = rule('object')
export const anyArray = rule('array')
export const anyString = { type: 'rule', name: 'string' } as const
export const anyNumber = rule('number')
export const anyInteger = rule('integer')
export const anyBoolean = choice(text('true'), text('false'))
export const nothing = text('null')

/** Most digits before the decimal point, and after it. */
const digitsMax = 15
/** Indent of a new line: eight levels of two blanks. */
const indentMax = 16

/** Characters that need no escape in a JSON string. Halves of surrogate pairs are left out: UTF-8 has no form for them. */
export const plainRanges: readonly CodeRange[] = [
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0xd7_ff],
  [0xe0_00, 0x10_ff_ff],
]

const hex = characters([0x30, 0x39], [0x41, 0x46], [0x61, 0x66])
const anyD = characters([0x44, 0x44], [0x64, 0x64])
const noD = characters([0x30, 0x39], [0x41, 0x43], [0x45, 0x46], [0x61, 0x63], [0x65, 0x66])
/** `\uXXXX` of a whole character, never of half a surrogate pair, so that one escape counts as one character in `maxLength`. */
const unicodeEscape = sequence(
  text('\\u'),
  choice(sequence(noD, hex), sequence(anyD, characters([0x30, 0x37]))),
  hex,
  hex,
)

const digit = characters([0x30, 0x39])
const wholeNumber = choice(text('0'), sequence(characters([0x31, 0x39]), repeat(digit, 0, digitsMax - 1)))
const minus = optional(text('-'))
/** A fraction behind a whole number. */
export const fraction = sequence(text('.'), repeat(digit, 1, digitsMax))
const exponent = sequence(
  characters([0x45, 0x45], [0x65, 0x65]),
  optional(characters([0x2b, 0x2b], [0x2d, 0x2d])),
  repeat(digit, 1, 2),
)

export const quoted = (inside: Expression): Expression => sequence(text('"'), inside, text('"'))

/** `first, rest, rest …` inside of brackets, with blanks where JSON allows them. */
const listed = (item: Expression): Expression => sequence(item, repeat(sequence(comma, item), 0, null))

export const comma = sequence(blank, text(','), blank)
export const colon = sequence(blank, text(':'), blank)
export const enclosed = (open: string, inside: Expression, close: string): Expression =>
  sequence(text(open), blank, inside, blank, text(close))
const orEmpty = (open: string, inside: Expression, close: string): Expression =>
  choice(sequence(text(open), blank, text(close)), enclosed(open, inside, close))

const member = sequence(anyString, colon, anyValue)

/** The rules of JSON, by their names. */
export const jsonRules: ReadonlyMap<string, Expression> = new Map([
  ['blank', choice(empty, text(' '), sequence(text('\n'), repeat(text(' '), 0, indentMax)))],
  ['escape', choice(...['\\"', '\\\\', '\\/', '\\b', '\\f', '\\n', '\\r', '\\t'].map(text), unicodeEscape)],
  ['character', choice(characters(...plainRanges), rule('escape'))],
  [
    'rest',
    choice(
      text('"'),
      sequence(characters(...plainRanges), restOfString),
      sequence(rule('escape'), restOfString),
    ),
  ],
  ['string', sequence(text('"'), restOfString)],
  ['integer', sequence(minus, wholeNumber)],
  ['number', sequence(anyInteger, optional(fraction), optional(exponent))],
  ['array', orEmpty('[', listed(anyValue), ']')],
  ['object', orEmpty('{', listed(member), '}')],
  ['value', choice(anyObject, anyArray, anyString, anyNumber, anyBoolean, nothing)],
])
