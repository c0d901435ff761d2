import { ShoalError, sleep, type Clock } from '@shoal/host'
import {
  createChoiceMatcher,
  createTokenIndex,
  type GrammarMatcher,
  type IdentifiedManifest,
  type TokenIndex,
  type Tokenizer,
} from '@shoal/model'
import type { GenerateRequest } from '../types.ts'

/** Makes the matchers of one model's requests. Its vocabulary is read at the first of them. */
export interface Constraints {
  /**
   * @returns null for a request without a grammar
   * @throws {ShoalError | ModelError} `bad-request` for a grammar that cannot be kept
   */
  matcherOf(request: Pick<GenerateRequest, 'grammar' | 'ignoreEos'>): Promise<GrammarMatcher | null>
}

export function createConstraints({
  clock,
  manifest,
  tokenizer,
}: {
  readonly clock: Clock
  readonly manifest: IdentifiedManifest
  readonly tokenizer: Tokenizer | null
}): Constraints {
  let index: Promise<TokenIndex> | null = null
  return {
    async matcherOf({ grammar, ignoreEos }) {
      if (grammar === undefined) return null
      if (grammar.kind !== 'choice')
        throw new ShoalError(
          'bad-request',
          `grammars of the kind ${grammar.kind} are not supported yet; the kind "choice" is`,
        )
      if (ignoreEos === true)
        throw new ShoalError('bad-request', 'an answer with a grammar cannot go on after its end')
      if (tokenizer === null)
        throw new ShoalError('bad-request', 'this model has no tokenizer, which a grammar needs')
      const { eosTokenIds } = manifest.manifest.config
      if (eosTokenIds.length === 0)
        throw new ShoalError('bad-request', 'this model has no end token, which a grammar needs')
      index ??= createTokenIndex(tokenizer, () => sleep(clock, 0))
      return createChoiceMatcher(grammar.texts, await index, eosTokenIds)
    },
  }
}
