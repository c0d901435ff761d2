import { ShoalError, sleep, type Clock, type Timer } from '@shoal/host'
import { ModelError, type TokenDecoder } from '@shoal/model'
import { grammarLimits } from '../limits.ts'
import type { GrammarText } from '../print.ts'
import { AnswerMatcher, type Matcher } from './answer-matcher.ts'
import type { VocabularyBytes } from './matcher-calls.ts'
import { readVocabulary } from './vocabulary.ts'
import { startWatchedThread, type WatchedThread } from './watched-thread.ts'

/** Matchers of one model's answers, in a thread that starts with the first of them. */
export interface Matchers {
  /**
   * @param grammar its rule `root` is the whole answer
   * @throws {ModelError} `bad-request` for a grammar that cannot be read, or takes too much time or memory
   */
  open(grammar: GrammarText): Promise<Matcher>
  close(): Promise<void>
}

export interface MatchersOptions {
  readonly clock: Clock
  readonly decoder: Pick<TokenDecoder, 'vocabularySize' | 'tokenBytes'>
  readonly endTokenIds: readonly number[]
}

export function createMatchers(options: MatchersOptions): Matchers {
  return new MatcherPool(options)
}

class MatcherPool implements Matchers {
  readonly #options: MatchersOptions
  #vocabulary: Promise<VocabularyBytes> | null = null
  #thread: WatchedThread | null = null
  #closed = false
  #next = 0
  readonly #open = new Set<Matcher>()
  #idle: Timer | null = null

  constructor(options: MatchersOptions) {
    this.#options = options
  }

  async open(grammar: GrammarText): Promise<Matcher> {
    if (grammar.ebnf.length > grammarLimits.textLengthMax)
      throw new ModelError(
        'bad-request',
        `this grammar has ${grammar.ebnf.length} characters, and at most ${grammarLimits.textLengthMax} are allowed; a smaller schema helps`,
      )
    const id = this.#next++
    const matcher: AnswerMatcher = new AnswerMatcher(id, grammar, {
      thread: () => this.#running(),
      closed: () => this.#onClosed(matcher),
    })
    this.#idle?.cancel()
    this.#open.add(matcher)
    try {
      await matcher.begin()
      return matcher
    } catch (error) {
      matcher.close()
      throw error
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#idle?.cancel()
    await this.#thread?.end()
  }

  async #running(): Promise<WatchedThread> {
    const { clock, decoder, endTokenIds } = this.#options
    this.#vocabulary ??= readVocabulary(decoder, endTokenIds, () => sleep(clock, 0))
    const vocabulary = await this.#vocabulary
    if (this.#closed) throw new ShoalError('cancelled', 'the engine has been closed')
    if (this.#thread === null || this.#thread.ended) this.#thread = startWatchedThread(clock, vocabulary)
    return this.#thread
  }

  #onClosed(matcher: Matcher): void {
    this.#open.delete(matcher)
    if (this.#open.size > 0 || this.#closed) return
    const end = (): void => {
      this.#thread?.end().catch(() => undefined) // It has ended by itself.
      this.#thread = null
    }
    this.#idle?.cancel()
    this.#idle = this.#options.clock.after(grammarLimits.idleMs, end, { background: true })
  }
}
