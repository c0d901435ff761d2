import type { ChatMessage, ChatOptions, DecoderParts, ModelError } from '@shoal/model'

/** What the tokenizing thread is started with. */
export interface TokenizerThreadData {
  readonly assets: ReadonlyMap<string, Uint8Array>
  /** Longest prompt that a template may make. */
  readonly charactersMax: number
}

export type TokenizerCall =
  | { readonly name: 'encode'; readonly text: string; readonly addSpecialTokens: boolean }
  | { readonly name: 'plain'; readonly text: string }
  | { readonly name: 'render'; readonly messages: readonly ChatMessage[]; readonly options: ChatOptions }

/** The fields of a `ModelError`; any other error is a bug and ends the thread. */
export interface TokenizerFailure {
  readonly code: ModelError['code']
  readonly message: string
}

/** The first message of the thread. */
export type TokenizerReady =
  /** Null: the model has no tokenizer. */
  | { readonly tokenizer: { readonly parts: DecoderParts; readonly chat: boolean } | null }
  | { readonly failure: TokenizerFailure }

/** One for each call, in order. */
export type TokenizerReply =
  | { readonly ids: readonly number[] }
  | { readonly text: string }
  | { readonly failure: TokenizerFailure }
