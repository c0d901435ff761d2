import type { Expression, Rules } from './expression.ts'

/** The grammar in the EBNF of XGrammar and llama.cpp, whose first rule is `root`. */
export function printRules({ root, rules }: Rules): string {
  const lines = [`root ::= ${print(root, false)}`]
  for (const [name, expression] of rules) lines.push(`${name} ::= ${print(expression, false)}`)
  return `${lines.join('\n')}\n`
}

/** @param inner the expression stands beside others, so that a choice or a sequence needs parentheses */
function print(expression: Expression, inner: boolean): string {
  switch (expression.type) {
    case 'text':
      return quoted(expression.text)
    case 'characters':
      return `[${expression.ranges.map(([first, last]) => range(first, last)).join('')}]`
    case 'rule':
      return expression.name
    case 'sequence': {
      if (expression.parts.length === 0) return '""'
      const parts = expression.parts.map((part) => print(part, true)).join(' ')
      return inner ? `(${parts})` : parts
    }
    case 'choice':
      return `(${expression.options.map((option) => print(option, false)).join(' | ')})`
    case 'repeat': {
      const { least, most } = expression
      return `${print(expression.part, true)}${quantifier(least, most)}`
    }
  }
}

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
