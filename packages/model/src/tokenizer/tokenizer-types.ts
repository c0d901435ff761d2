import type { JsonObject } from '../json-fields.ts'

/** A call of a tool that an assistant's message makes. */
export interface ChatToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: JsonObject
}

/** One message of a chat. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  /** Empty in a message of an assistant that only calls tools. */
  readonly content: string
  /** What an assistant thought before its content; templates leave it out of earlier turns. */
  readonly reasoning?: string
  readonly toolCalls?: readonly ChatToolCall[]
  /** The call whose result a tool's message is, and the tool's name. */
  readonly toolCallId?: string
  readonly name?: string
}

/** What a chat has beside its messages. */
export interface ChatOptions {
  /** Functions that the model may call, each as `{type: 'function', function: {name, description, parameters}}`. */
  readonly tools?: readonly JsonObject[]
  /** Texts that the answer is to be based on, in the form of the model's template: mostly `{title, text}`. */
  readonly documents?: readonly JsonObject[]
  /** Variables of the model's template, `enable_thinking` for instance. */
  readonly variables?: JsonObject
}

/** Turns token ids into text piece by piece, never splitting a character. */
export interface TextStream {
  /** Text that became final with this token; empty inside a multi-byte character. */
  push(tokenId: number): string
  /** The rest at the end of the stream: an incomplete character becomes U+FFFD. */
  flush(): string
}

/** Ids to text: linear in the ids, whatever the model's files hold. */
export interface TokenDecoder {
  readonly vocabularySize: number
  /** What a token contributes to the text; null for special tokens and unused ids. */
  tokenBytes(tokenId: number): Uint8Array | null
  decode(tokenIds: readonly number[], options?: { skipSpecialTokens?: boolean }): string
  /** Special tokens are left out of the text, except those whose text is among `shownTokens`. */
  stream(options?: { readonly shownTokens?: readonly string[] }): TextStream
}

export interface EncodeOptions {
  /** Adds BOS where the tokenizer's own post-processor does; chat templates carry theirs. Default true. */
  readonly addSpecialTokens?: boolean
}

/**
 * A model's tokenizer. Its patterns and its chat template come with the model and may run for ever, so encoding and
 * rendering are asynchronous and have limits: they do not run on the event loop.
 */
export interface Tokenizer extends TokenDecoder {
  /** @throws {ModelError} `bad-model`; `limit-exceeded` beyond the limits of time, memory and length */
  encode(text: string, options?: EncodeOptions): Promise<number[]>
  /** True when the model has a chat template. */
  readonly chat: boolean
  /**
   * The prompt of a chat, with the generation prompt appended, for `encode` without special tokens: texts of control tokens
   * in messages, tools and documents carry marks there (`control-text.ts`), so that they become ordinary tokens.
   * @throws {ModelError} as `encode`; `bad-request` when there is no template, it refuses this chat, or it would leave out
   * the tools, calls or documents
   */
  renderChat(messages: readonly ChatMessage[], options?: ChatOptions): Promise<string>
  /** A text to be put behind a prompt: texts of control tokens in it carry marks, as in messages. */
  plainText(text: string): Promise<string>
}

/**
 * A tokenizer that runs on the calling thread and without limits: for models that are trusted, and for the watched
 * thread.
 */
export interface SynchronousTokenizer extends TokenDecoder {
  encode(text: string, options?: EncodeOptions): number[]
  readonly chat: boolean
  renderChat(messages: readonly ChatMessage[], options?: ChatOptions): string
  plainText(text: string): string
  /** What a {@link TokenDecoder} is made of. */
  readonly parts: DecoderParts
}

/** Values that can be sent to another thread. */
export interface DecoderParts {
  /** Tokens by id. */
  readonly vocabulary: readonly (string | undefined)[]
  /** Ids of added tokens, which stand for themselves, and whether each is special. */
  readonly added: ReadonlyMap<number, boolean>
  /** The decoder section of tokenizer.json. */
  readonly decoder: unknown
}
