import { fail } from '../failure.ts'
import type { Arguments, Expression } from './nodes.ts'
import type { TokenStream } from './token-stream.ts'

/** Arguments of a call, with their brackets: those by position, those by name, `*list`, `**dict`. */
export function readArguments(stream: TokenStream): Arguments {
  const positional: Expression[] = []
  const named: [string, Expression][] = []
  let rest: Expression | null = null
  let namedRest: Expression | null = null
  stream.expectOperator('(')
  let first = true
  while (!stream.operator(')')) {
    if (!first) stream.expectOperator(',')
    first = false
    if (stream.operator(')')) break
    if (namedRest !== null) return fail('invalid syntax for function call expression')
    if (stream.operator('**')) namedRest = stream.expression()
    else if (stream.operator('*')) rest = stream.expression()
    else if (stream.current?.type === 'name' && stream.isOperator('=', 1)) {
      const name = stream.expectName()
      stream.next()
      named.push([name, stream.expression()])
    } else if (rest === null && named.length === 0) positional.push(stream.expression())
    else return fail('invalid syntax for function call expression')
  }
  return { positional, named, rest, namedRest }
}
