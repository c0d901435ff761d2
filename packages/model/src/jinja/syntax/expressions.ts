import type { ArithmeticOperator } from '../values/arithmetic.ts'
import type { ComparisonOperator, Expression } from './nodes.ts'
import { readUnary } from './operands.ts'
import type { TokenStream } from './token-stream.ts'

export function readExpression(stream: TokenStream): Expression {
  return stream.nested(() => {
    let result = readOr(stream)
    while (stream.keyword('if')) {
      const test = readOr(stream)
      const otherwise = stream.keyword('else') ? readExpression(stream) : null
      result = { type: 'condition', test, consequent: result, otherwise }
    }
    return result
  })
}

/** An expression without an inline `if`, as it stands before the `if` of a loop. */
export function readOr(stream: TokenStream): Expression {
  let left = readAnd(stream)
  while (stream.keyword('or')) left = { type: 'logic', operator: 'or', left, right: readAnd(stream) }
  return left
}

function readAnd(stream: TokenStream): Expression {
  let left = readNot(stream)
  while (stream.keyword('and')) left = { type: 'logic', operator: 'and', left, right: readNot(stream) }
  return left
}

function readNot(stream: TokenStream): Expression {
  if (!stream.keyword('not')) return readComparison(stream)
  return stream.nested(() => ({ type: 'not', operand: readNot(stream) }))
}

const comparisons: readonly ComparisonOperator[] = ['==', '!=', '<=', '>=', '<', '>']

function readComparison(stream: TokenStream): Expression {
  const first = readSum(stream)
  const rest: [ComparisonOperator, Expression][] = []
  for (;;) {
    const operator = readComparisonOperator(stream)
    if (operator === null) return rest.length === 0 ? first : { type: 'comparison', first, rest }
    rest.push([operator, readSum(stream)])
  }
}

function readComparisonOperator(stream: TokenStream): ComparisonOperator | null {
  if (stream.keyword('in')) return 'in'
  if (stream.isName('not') && stream.isName('in', 1)) {
    stream.next()
    stream.next()
    return 'not in'
  }
  return comparisons.find((operator) => stream.operator(operator)) ?? null
}

function readSum(stream: TokenStream): Expression {
  return readArithmetic(stream, ['+', '-'], readConcatenation)
}

function readConcatenation(stream: TokenStream): Expression {
  const first = readProduct(stream)
  if (!stream.isOperator('~')) return first
  const parts = [first]
  while (stream.operator('~')) parts.push(readProduct(stream))
  return { type: 'concatenation', parts }
}

function readProduct(stream: TokenStream): Expression {
  return readArithmetic(stream, ['*', '/', '//', '%'], readPower)
}

function readPower(stream: TokenStream): Expression {
  return readArithmetic(stream, ['**'], readUnary)
}

/** Operators of one rank, from the left; powers too, as in Jinja2. */
function readArithmetic(
  stream: TokenStream,
  operators: readonly ArithmeticOperator[],
  readOperand: (stream: TokenStream) => Expression,
): Expression {
  let left = readOperand(stream)
  for (;;) {
    const operator = operators.find((candidate) => stream.operator(candidate))
    if (operator === undefined) return left
    left = { type: 'arithmetic', operator, left, right: readOperand(stream) }
  }
}
