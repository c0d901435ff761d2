import { fail } from '../failure.ts'
import { limits } from '../../limits.ts'
import { readExpression, readOr } from './expressions.ts'
import { readTuple } from './tuple.ts'
import type { Body, Expression, Statement } from './nodes.ts'
import { readFilter, readFilters, readUnary } from './operands.ts'
import { piecesOf, type Piece } from './pieces.ts'
import { readParameters, readTarget } from './targets.ts'
import { TokenStream } from './token-stream.ts'

/**
 * The statements of a template.
 * @throws {TemplateFailure} for a template that does not parse
 */
export function parseTemplate(source: string): Body {
  const parser = new Parser(piecesOf(source))
  return parser.body([])
}

/** Reads statements, whose bodies hold other statements up to the tag that ends them. */
class Parser {
  readonly #pieces: readonly Piece[]
  #position = 0
  #depth = 0
  /** The tag that ended the last body, read up to its keyword. */
  #end = new TokenStream([], readExpression)
  #endName = ''

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces
  }

  /** Statements up to a tag with one of these names, or up to the end when there are none. */
  body(ends: readonly string[]): Body {
    if (++this.#depth > limits.templateNestingMax) fail('too many blocks in one another')
    const statements: Statement[] = []
    for (;;) {
      const piece = this.#pieces[this.#position++]
      if (piece === undefined) {
        if (ends.length > 0) fail(`unexpected end of template: '${ends.join("' or '")}' is missing`)
        break
      }
      if (piece.type === 'text') {
        statements.push(piece)
        continue
      }
      const stream = new TokenStream(piece.tokens, readExpression)
      if (piece.type === 'output') {
        statements.push({ type: 'output', value: readTuple(stream) })
        stream.expectEnd()
        continue
      }
      const name = stream.expectName()
      if (ends.includes(name)) {
        this.#end = stream
        this.#endName = name
        break
      }
      statements.push(this.#statement(name, stream))
    }
    this.#depth--
    return statements
  }

  #statement(name: string, stream: TokenStream): Statement {
    switch (name) {
      case 'if':
        return this.#if(stream)
      case 'for':
        return this.#for(stream)
      case 'set':
        return this.#set(stream)
      case 'macro':
        return {
          type: 'macro',
          name: stream.expectName(),
          parameters: readParameters(stream),
          body: this.#rest(stream, 'macro'),
        }
      case 'call':
        return this.#call(stream)
      case 'filter':
        return {
          type: 'filter-block',
          filter: readFilters(stream, readFilter(stream, null)),
          body: this.#rest(stream, 'filter'),
        }
      case 'with':
        return this.#with(stream)
      case 'block':
        stream.expectName()
        return { type: 'scope', body: this.#rest(stream, 'block') }
      case 'generation':
        return { type: 'scope', body: this.#rest(stream, 'generation') }
      default:
        return simpleStatement(name, stream)
    }
  }

  /** The body up to `end…`, behind a tag that ends here. */
  #rest(stream: TokenStream, name: string): Body {
    stream.expectEnd()
    const body = this.body([`end${name}`])
    // `endblock` and `endmacro` may repeat a name.
    this.#end.expectEndOrName()
    return body
  }

  #if(stream: TokenStream): Statement {
    const branches: [Expression, Body][] = []
    let tag = stream
    for (;;) {
      const test = readTuple(tag)
      tag.expectEnd()
      branches.push([test, this.body(['elif', 'else', 'endif'])])
      if (this.#endName !== 'elif') break
      tag = this.#end
    }
    this.#end.expectEnd()
    const otherwise = this.#endName === 'else' ? this.body(['endif']) : []
    this.#end.expectEnd()
    return { type: 'if', branches, otherwise }
  }

  #for(stream: TokenStream): Statement {
    const target = readTarget(stream)
    if (!stream.keyword('in')) fail(`expected 'in', got ${stream.describe()}`)
    const items = readLoopItems(stream)
    const filter = stream.keyword('if') ? readExpression(stream) : null
    const recursive = stream.keyword('recursive')
    stream.expectEnd()
    const body = this.body(['else', 'endfor'])
    this.#end.expectEnd()
    const otherwise = this.#endName === 'else' ? this.body(['endfor']) : []
    this.#end.expectEnd()
    return { type: 'for', target, items, filter, recursive, body, otherwise }
  }

  #set(stream: TokenStream): Statement {
    const target = readTarget(stream)
    if (stream.operator('=')) {
      const value = readTuple(stream)
      stream.expectEnd()
      return { type: 'set', target, value }
    }
    const filter = stream.operator('|') ? readFilters(stream, readFilter(stream, null)) : null
    return { type: 'set-block', target, filter, body: this.#rest(stream, 'set') }
  }

  #call(stream: TokenStream): Statement {
    const parameters = stream.isOperator('(') ? readParameters(stream) : []
    const call = readUnary(stream)
    return { type: 'call-block', call, parameters, body: this.#rest(stream, 'call') }
  }

  #with(stream: TokenStream): Statement {
    const values: [ReturnType<typeof readTarget>, Expression][] = []
    while (!stream.ended) {
      if (values.length > 0) stream.expectOperator(',')
      const target = readTarget(stream, { single: true })
      stream.expectOperator('=')
      values.push([target, readExpression(stream)])
    }
    return { type: 'with', values, body: this.#rest(stream, 'with') }
  }
}

/**
 * The items of a loop. A tuple may stand without brackets, and an `if` after the items is the condition of the loop.
 */
function readLoopItems(stream: TokenStream): Expression {
  const first = readOr(stream)
  if (!stream.isOperator(',')) return first
  const items = [first]
  while (stream.operator(',')) {
    if (stream.ended || stream.isName('recursive')) break
    items.push(readOr(stream))
  }
  return { type: 'tuple', items }
}

function simpleStatement(name: string, stream: TokenStream): Statement {
  if (name === 'break' || name === 'continue') {
    stream.expectEnd()
    return { type: name }
  }
  if (name !== 'do' && name !== 'print') return fail(`Encountered unknown tag '${name}'.`)
  const value = readTuple(stream)
  stream.expectEnd()
  return { type: name === 'do' ? 'do' : 'output', value }
}
