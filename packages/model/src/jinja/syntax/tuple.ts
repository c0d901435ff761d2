import type { Expression } from './nodes.ts'
import type { TokenStream } from './token-stream.ts'

/** An expression, or a tuple where commas follow. */
export function readTuple(stream: TokenStream): Expression {
  const first = stream.expression()
  if (!stream.isOperator(',')) return first
  const items = [first]
  while (stream.operator(',')) {
    if (stream.ended || stream.isOperator(')') || stream.isName('in')) break
    items.push(stream.expression())
  }
  return { type: 'tuple', items }
}
