import type { GrammarText } from '../print.ts'

/** The tokens of a vocabulary by their bytes, in memory that threads share. */
export interface VocabularyBytes {
  /** Bytes of all tokens, one after the other. */
  readonly bytes: Uint8Array<SharedArrayBuffer>
  /** Where each token ends in `bytes`; a token without text is empty. */
  readonly ends: Uint32Array<SharedArrayBuffer>
  readonly endTokenIds: readonly number[]
}

export type MatcherCall =
  /** Begins an answer with a grammar. */
  | { readonly name: 'open'; readonly matcher: number; readonly grammar: GrammarText }
  /** Asks for the tokens that may follow the first `keep` tokens of the last call and `tokens` behind them. */
  | {
      readonly name: 'next'
      readonly matcher: number
      readonly keep: number
      readonly tokens: readonly number[]
    }
  | { readonly name: 'close'; readonly matcher: number }

export interface MatcherReply {
  /** One bit for each token: bit `id % 32` of word `id / 32`. Only for `next`. */
  readonly mask?: Int32Array<ArrayBuffer>
  /** What the library says about a grammar that it cannot read. The thread is of no use afterwards. */
  readonly failure?: string
}
