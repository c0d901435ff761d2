import { ShoalError } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { createSessionInputs, type SessionInputs } from './session-inputs.ts'

/** A session as the leader of a group keeps it. */
export interface LedSession {
  /** The session's number in messages to members. */
  readonly number: number
  readonly tokenBudget: number
  readonly part: BlockRange
  readonly inputs: SessionInputs
  /** Positions in the KV cache, those of queued calls included. */
  length: number
}

/** The open sessions of a group, and the checks of what callers ask of them. */
export class LedSessions {
  readonly range: BlockRange
  readonly #hiddenSize: number
  readonly #open = new Map<string, LedSession>()
  #next = 0

  constructor(range: BlockRange, hiddenSize: number) {
    this.range = range
    this.#hiddenSize = hiddenSize
  }

  /** A session with a new number, which is not open yet. */
  create(tokenBudget: number, part: BlockRange): LedSession {
    const number = this.#next
    this.#next += 1
    return { number, tokenBudget, part, inputs: createSessionInputs(this.#hiddenSize), length: 0 }
  }

  add(name: string, session: LedSession): void {
    this.#open.set(name, session)
  }

  /** @throws {ShoalError} `unknown-session` */
  get(name: string): LedSession {
    const session = this.#open.get(name)
    if (session === undefined)
      throw new ShoalError(
        'unknown-session',
        `session ${name} is not open for blocks ${this.range.start}:${this.range.end}`,
      )
    return session
  }

  /** Removes a session. @returns undefined when it is not open */
  remove(name: string): LedSession | undefined {
    const session = this.#open.get(name)
    this.#open.delete(name)
    return session
  }

  entries(): Iterable<readonly [string, LedSession]> {
    return this.#open
  }

  /** Counts rows that a call appends. @throws {ShoalError} `bad-request`, `wrong-position`, `limit-exceeded`, `unknown-session` */
  append(name: string, position: number, hidden: Float32Array): LedSession {
    const session = this.get(name)
    const count = hidden.length / this.#hiddenSize
    if (!Number.isInteger(count) || count < 1)
      throw new ShoalError('bad-request', `${hidden.length} values are not rows of ${this.#hiddenSize}`)
    if (position !== session.length) throw wrongPosition(name, session.length, position)
    if (position + count > session.tokenBudget)
      throw new ShoalError(
        'limit-exceeded',
        `session ${name} has a budget of ${session.tokenBudget} tokens, ${position + count} were asked for`,
      )
    session.length += count
    return session
  }

  /** Counts a cut to `length` positions. @throws {ShoalError} `wrong-position`, `unknown-session` */
  truncate(name: string, length: number): LedSession {
    const session = this.get(name)
    if (!Number.isSafeInteger(length) || length < 0 || length > session.length)
      throw new ShoalError(
        'wrong-position',
        `session ${name} has ${session.length} positions, it cannot be cut to ${length}`,
      )
    session.length = length
    return session
  }

  /** Bytes that the inputs of all sessions may take. */
  inputBytes(): number {
    const rowBytes = this.#hiddenSize * Float32Array.BYTES_PER_ELEMENT
    return [...this.#open.values()].reduce((sum, { tokenBudget }) => sum + tokenBudget * rowBytes, 0)
  }
}

export function wrongPosition(name: string, at: number, asked: number): ShoalError {
  return new ShoalError('wrong-position', `session ${name} is at position ${at}, not ${asked}`)
}
