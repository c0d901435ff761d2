import { ShoalError, sleep, type Clock } from '@shoal/host'
import { grammarText } from '@shoal/grammar'
import type { Matcher, Matchers, MatchersOptions } from '@shoal/grammar/node'
import {
  createChoiceMatcher,
  createTokenIndex,
  type IdentifiedManifest,
  type TokenIndex,
  type Tokenizer,
} from '@shoal/model'
import type { GenerateRequest } from '../../types.ts'

/** Makes the matchers of one model's requests. Its vocabulary is read at the first of them. */
export interface Constraints {
  /**
   * @returns null for a request without a grammar
   * @throws {ShoalError | ModelError} `bad-request` for a grammar that cannot be used
   */
  matcherOf(request: Pick<GenerateRequest, 'grammar' | 'ignoreEos'>): Promise<Matcher | null>
  close(): Promise<void>
}

export interface ConstraintDependencies {
  readonly clock: Clock
  readonly manifest: IdentifiedManifest
  readonly tokenizer: Tokenizer | null
  /** Matches grammars in a thread; absent where only choices are possible. */
  openMatchers?(options: MatchersOptions): Matchers
}

export function createConstraints(dependencies: ConstraintDependencies): Constraints {
  const { clock, manifest, tokenizer } = dependencies
  let index: Promise<TokenIndex> | null = null
  let matchers: Matchers | null = null
  return {
    async matcherOf({ grammar, ignoreEos }) {
      if (grammar === undefined) return null
      if (ignoreEos === true)
        throw new ShoalError('bad-request', 'an answer with a grammar cannot go on after its end')
      if (tokenizer === null)
        throw new ShoalError('bad-request', 'this model has no tokenizer, which a grammar needs')
      const { eosTokenIds: endTokenIds } = manifest.manifest.config
      if (endTokenIds.length === 0)
        throw new ShoalError('bad-request', 'this model has no end token, which a grammar needs')
      if (grammar.kind === 'choice') {
        index ??= createTokenIndex(tokenizer, () => sleep(clock, 0))
        const choice = createChoiceMatcher(grammar.texts, await index, endTokenIds)
        return {
          allowed: async (output) => choice.allowed(output),
          ahead: () => undefined,
          close: () => undefined,
        }
      }
      const text = grammarText(grammar)
      matchers ??= dependencies.openMatchers?.({ clock, decoder: tokenizer, endTokenIds }) ?? null
      if (matchers === null)
        throw new ShoalError('bad-request', 'this engine has no thread for grammars; the kind "choice" works')
      return matchers.open(text)
    },
    close: async () => matchers?.close(),
  }
}
