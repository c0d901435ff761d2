/** One message of a chat. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string
}

/** Turns token ids into text piece by piece, never splitting a character. */
export interface TextStream {
  /** Text that became final with this token; empty inside a multi-byte character. */
  push(tokenId: number): string
  /** The rest at the end of the stream: an incomplete character becomes U+FFFD. */
  flush(): string
}

export interface Tokenizer {
  readonly vocabularySize: number
  /** @param addSpecialTokens adds BOS where the tokenizer's own post-processor does; chat templates carry theirs */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[]
  decode(tokenIds: readonly number[], options?: { skipSpecialTokens?: boolean }): string
  /** Special tokens are left out of the text. */
  stream(): TextStream
  /** True when the model has a chat template. */
  readonly chat: boolean
  /**
   * The prompt of a chat, with the generation prompt appended.
   * @throws {ModelError} `bad-request` when there is no template or it refuses these messages
   */
  renderChat(messages: readonly ChatMessage[]): string
}
