import { fail } from '../failure.ts'
import { readArguments } from './arguments.ts'
import { readTuple } from './tuple.ts'
import type { Arguments, Expression } from './nodes.ts'
import type { TokenStream } from './token-stream.ts'

const noArguments: Arguments = { positional: [], named: [], rest: null, namedRest: null }

/** A value with its signs, its attributes, items and calls, and its filters and tests. */
export function readUnary(stream: TokenStream): Expression {
  return readFilters(stream, readSigned(stream))
}

function readSigned(stream: TokenStream): Expression {
  const negative = stream.isOperator('-')
  if (!negative && !stream.isOperator('+')) return readPostfix(stream, readPrimary(stream))
  stream.next()
  const operand = stream.nested(() => readSigned(stream))
  return readPostfix(stream, { type: 'sign', negative, operand })
}

const constants = new Map<string, boolean | null>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
])

function readPrimary(stream: TokenStream): Expression {
  const token = stream.current
  if (token?.type === 'name') {
    stream.next()
    const value = constants.get(token.text)
    return value === undefined ? { type: 'name', name: token.text } : { type: 'constant', value }
  }
  if (token?.type === 'string') return { type: 'constant', value: readStrings(stream) }
  if (token?.type === 'integer' || token?.type === 'float') {
    stream.next()
    return { type: 'constant', value: token.value }
  }
  if (stream.operator('(')) {
    if (stream.operator(')')) return { type: 'tuple', items: [] }
    const inner = readTuple(stream)
    stream.expectOperator(')')
    return inner
  }
  if (stream.operator('[')) return { type: 'list', items: readList(stream, ']', () => stream.expression()) }
  if (stream.operator('{')) return { type: 'dict', entries: readList(stream, '}', readEntry) }
  return fail(`unexpected ${stream.describe()}`)
}

function readStrings(stream: TokenStream): string {
  let text = ''
  for (let token = stream.current; token?.type === 'string'; token = stream.current) {
    text += token.text
    stream.next()
  }
  return text
}

function readList<Item>(stream: TokenStream, end: string, read: (stream: TokenStream) => Item): Item[] {
  const items: Item[] = []
  while (!stream.operator(end)) {
    if (items.length > 0) stream.expectOperator(',')
    if (stream.operator(end)) break
    items.push(read(stream))
  }
  return items
}

function readEntry(stream: TokenStream): [Expression, Expression] {
  const key = stream.expression()
  stream.expectOperator(':')
  return [key, stream.expression()]
}

function readPostfix(stream: TokenStream, operand: Expression): Expression {
  let result = operand
  for (;;) {
    if (stream.operator('.')) result = readMember(stream, result)
    else if (stream.operator('[')) result = readSubscript(stream, result)
    else if (stream.isOperator('('))
      result = { type: 'call', callee: result, arguments: readArguments(stream) }
    else return result
  }
}

function readMember(stream: TokenStream, object: Expression): Expression {
  const token = stream.next()
  if (token.type === 'name') return { type: 'attribute', object, name: token.text }
  if (token.type === 'integer') return { type: 'item', object, key: { type: 'constant', value: token.value } }
  return fail('expected name or number')
}

function readSubscript(stream: TokenStream, object: Expression): Expression {
  const bound = (): Expression | null =>
    stream.isOperator(':') || stream.isOperator(']') ? null : stream.expression()
  const first = bound()
  if (!stream.isOperator(':')) {
    if (first === null) return fail('expected subscript expression')
    const items = [first]
    while (stream.operator(',')) items.push(stream.expression())
    stream.expectOperator(']')
    return { type: 'item', object, key: items.length === 1 ? first : { type: 'tuple', items } }
  }
  const bounds = [first]
  while (stream.operator(':')) bounds.push(bound())
  stream.expectOperator(']')
  return bounds.length > 3 ? fail('a slice has three bounds at most') : { type: 'slice', object, bounds }
}

export function readFilters(stream: TokenStream, operand: Expression): Expression {
  let result = operand
  for (;;) {
    if (stream.operator('|')) result = readFilter(stream, result)
    else if (stream.keyword('is')) result = readTest(stream, result)
    else if (stream.isOperator('('))
      result = { type: 'call', callee: result, arguments: readArguments(stream) }
    else return result
  }
}

export function readFilter(stream: TokenStream, input: Expression | null): Expression {
  const name = stream.expectName()
  const given = stream.isOperator('(') ? readArguments(stream) : noArguments
  return { type: 'filter', input, name, arguments: given }
}

function readTest(stream: TokenStream, input: Expression): Expression {
  const negated = stream.keyword('not')
  const name = stream.expectName()
  const test: Expression = { type: 'test', input, name, arguments: readTestArguments(stream) }
  return negated ? { type: 'not', operand: test } : test
}

/** A test may have one argument without brackets: `is divisibleby 3`. */
function readTestArguments(stream: TokenStream): Arguments {
  if (stream.isOperator('(')) return readArguments(stream)
  const token = stream.current
  if (token === undefined || ['else', 'or', 'and'].some((word) => stream.isName(word))) return noArguments
  if (stream.isName('is')) return fail('You cannot chain multiple tests with is')
  if (token.type === 'operator' && !['[', '{'].includes(token.text)) return noArguments
  return { ...noArguments, positional: [readPostfix(stream, readPrimary(stream))] }
}
