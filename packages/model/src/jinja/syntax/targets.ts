import type { Parameter, Target } from './nodes.ts'
import type { TokenStream } from './token-stream.ts'

/** Reads the target of an assignment or a loop. A single target has no commas of its own. */
export function readTarget(stream: TokenStream, { single = false }: { single?: boolean } = {}): Target {
  const first = readOne(stream)
  if (single || !stream.isOperator(',')) return first
  const items = [first]
  while (stream.operator(',')) {
    if (stream.isOperator('=') || stream.isOperator(')') || stream.isName('in')) break
    items.push(readOne(stream))
  }
  return { type: 'tuple', items }
}

function readOne(stream: TokenStream): Target {
  if (stream.operator('(')) {
    const inner = stream.nested(() => readTarget(stream))
    stream.expectOperator(')')
    return inner
  }
  const name = stream.expectName()
  return stream.operator('.')
    ? { type: 'member', object: name, name: stream.expectName() }
    : { type: 'name', name }
}

/** The parameters of a macro, with their brackets. */
export function readParameters(stream: TokenStream): Parameter[] {
  const parameters: Parameter[] = []
  stream.expectOperator('(')
  while (!stream.operator(')')) {
    if (parameters.length > 0) stream.expectOperator(',')
    if (stream.operator(')')) break
    const name = stream.expectName()
    parameters.push({ name, default: stream.operator('=') ? stream.expression() : null })
  }
  return parameters
}
