import { fail } from '../failure.ts'
import { limits } from '../../limits.ts'
import type { Expression } from './nodes.ts'
import type { Token } from './tokens.ts'

/** The tokens of one tag, read one after the other. */
export class TokenStream {
  readonly #tokens: readonly Token[]
  readonly #readExpression: (stream: TokenStream) => Expression
  #position = 0
  #depth = 0

  /**
   * @param readExpression reads an expression; passed in because operands and arguments contain expressions, and
   *   expressions contain operands
   */
  constructor(tokens: readonly Token[], readExpression: (stream: TokenStream) => Expression) {
    this.#tokens = tokens
    this.#readExpression = readExpression
  }

  get current(): Token | undefined {
    return this.#tokens[this.#position]
  }

  get ended(): boolean {
    return this.#position >= this.#tokens.length
  }

  next(): Token {
    const token = this.current
    if (token === undefined) return fail('unexpected end of a tag')
    this.#position++
    return token
  }

  isOperator(text: string, ahead = 0): boolean {
    const token = this.#tokens[this.#position + ahead]
    return token?.type === 'operator' && token.text === text
  }

  isName(text: string, ahead = 0): boolean {
    const token = this.#tokens[this.#position + ahead]
    return token?.type === 'name' && token.text === text
  }

  /** Reads the operator if it is next. */
  operator(text: string): boolean {
    if (!this.isOperator(text)) return false
    this.#position++
    return true
  }

  /** Reads the keyword if it is next. */
  keyword(text: string): boolean {
    if (!this.isName(text)) return false
    this.#position++
    return true
  }

  expectOperator(text: string): void {
    if (!this.operator(text)) fail(`expected '${text}', got ${this.describe()}`)
  }

  expectName(): string {
    const token = this.current
    if (token?.type !== 'name') return fail(`expected a name, got ${this.describe()}`)
    this.#position++
    return token.text
  }

  expectEnd(): void {
    if (!this.ended) fail(`expected the end of the tag, got ${this.describe()}`)
  }

  /** The tags that end a block may repeat its name. */
  expectEndOrName(): void {
    if (this.current?.type === 'name') this.#position++
    this.expectEnd()
  }

  describe(): string {
    const token = this.current
    if (token === undefined) return 'the end of the tag'
    return 'text' in token ? `'${token.text}'` : `'${token.value}'`
  }

  expression(): Expression {
    return this.#readExpression(this)
  }

  /**
   * Reads a part that may contain itself. The depth of nested brackets is bounded, because each level takes some of the
   * thread's stack.
   */
  nested<Result>(read: () => Result): Result {
    if (++this.#depth > limits.templateNestingMax) fail('too many brackets in one another')
    try {
      return read()
    } finally {
      this.#depth--
    }
  }
}
