import { createSerialQueue, ShoalError } from '@shoal/host'
import { ModelError, type TokenMask } from '@shoal/model'
import { grammarLimits } from '../limits.ts'
import type { GrammarText } from '../print.ts'
import { ThreadEnded, type WatchedThread } from './watched-thread.ts'

/** Tells which tokens may follow in one answer. */
export interface Matcher {
  /**
   * The tokens that may follow. The result depends only on the grammar and the tokens of the answer so far, so that a
   * replay gives the same sets, in whatever thread.
   * @param output ids of the answer so far
   * @throws {ModelError} `bad-request` when the grammar takes too much time or memory, or no token can follow
   */
  allowed(output: readonly number[]): Promise<TokenMask>
  /** Begins to compute the set for the next call of `allowed`, while the model computes. */
  ahead(output: readonly number[]): void
  close(): void
}

interface Owner {
  /** The thread that runs now; a new one when the last one has ended. */
  thread(): Promise<WatchedThread>
  closed(): void
}

interface Asked {
  readonly output: readonly number[]
  readonly mask: Promise<TokenMask>
}

export class AnswerMatcher implements Matcher {
  readonly #id: number
  readonly #grammar: GrammarText
  readonly #owner: Owner
  readonly #queue = createSerialQueue()
  #thread: WatchedThread | null = null
  #threads = 0
  /** Tokens that the thread has matched so far. */
  #matched: readonly number[] = []
  #ahead: Asked | null = null
  #closed = false

  constructor(id: number, grammar: GrammarText, owner: Owner) {
    this.#id = id
    this.#grammar = grammar
    this.#owner = owner
  }

  /** Compiles the grammar, so that an unusable one is refused before the model computes. */
  async begin(): Promise<void> {
    await this.#queue.run(() => this.#onThread(() => undefined))
  }

  async allowed(output: readonly number[]): Promise<TokenMask> {
    const ahead = this.#ahead
    this.#ahead = null
    const mask = await (ahead !== null && equal(ahead.output, output) ? ahead.mask : this.#next(output))
    if (mask.every((word) => word === 0))
      throw new ModelError('bad-request', "the model's vocabulary has no token that this grammar allows next")
    return mask
  }

  ahead(output: readonly number[]): void {
    const mask = this.#next(output)
    mask.catch(() => undefined) // The later call of `allowed` gets the error.
    this.#ahead = { output: [...output], mask }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#owner.closed()
    const thread = this.#thread
    if (thread === null || thread.ended) return
    thread.call({ name: 'close', matcher: this.#id }, grammarLimits.matchTimeoutMs).catch(() => undefined) // The thread has ended, and the matcher with it.
  }

  #next(output: readonly number[]): Promise<TokenMask> {
    return this.#queue.run(() =>
      this.#onThread(async (thread) => {
        const keep = commonLength(this.#matched, output)
        const call = { name: 'next', matcher: this.#id, keep, tokens: output.slice(keep) } as const
        const { mask } = await thread.call(call, grammarLimits.matchTimeoutMs)
        this.#matched = [...output]
        return mask ?? new Int32Array(0)
      }),
    )
  }

  /** A thread that another grammar has ended is replaced, and this answer's state is made again from its tokens. */
  async #onThread<Value>(task: (thread: WatchedThread) => Value | Promise<Value>): Promise<Value> {
    for (;;) {
      if (this.#closed) throw new ShoalError('cancelled', 'the answer has ended')
      try {
        return await task(await this.#opened())
      } catch (error) {
        if (!(error instanceof ThreadEnded)) throw error
        if (this.#threads >= grammarLimits.threadsPerAnswerMax)
          throw new ShoalError(
            'not-ready',
            'other grammars have ended the thread of this answer several times; try again',
          )
      }
    }
  }

  async #opened(): Promise<WatchedThread> {
    if (this.#thread !== null && !this.#thread.ended) return this.#thread
    const thread = await this.#owner.thread()
    this.#thread = thread
    this.#threads += 1
    this.#matched = []
    await thread.call(
      { name: 'open', matcher: this.#id, grammar: this.#grammar },
      grammarLimits.compileTimeoutMs,
    )
    return thread
  }
}

const equal = (some: readonly number[], others: readonly number[]): boolean =>
  some.length === others.length && commonLength(some, others) === some.length

function commonLength(some: readonly number[], others: readonly number[]): number {
  let length = 0
  while (length < some.length && length < others.length && some[length] === others[length]) length += 1
  return length
}
