import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers'
import { compileChatTemplate, findChatTemplate } from './chat-template.ts'
import { ModelError } from '../error.ts'
import { asObject, fieldOf, type JsonObject } from '../json-fields.ts'
import { createTextStream } from './text-stream.ts'
import { tokenizerFiles } from './tokenizer-files.ts'
import { createPieceDecoder, type TokenPiece } from './token-pieces.ts'
import type { TextStream, Tokenizer } from './tokenizer-types.ts'

export interface TokenizerOptions {
  /** Date for templates that write it (`strftime_now`). Without it they use a default of their own or refuse. */
  readonly wallMs?: () => number
}

/**
 * The tokenizer of a model's assets, or null when it has none. Text to ids is @huggingface/tokenizers; ids to text is
 * done here, token by token, so that a stream and a whole decode give the same text by construction. The text is not
 * cleaned up (`clean_up_tokenization_spaces`).
 *
 * @throws {ModelError} `bad-model` or `unsupported-model` with the reason
 */
export function createTokenizer(
  assets: ReadonlyMap<string, Uint8Array>,
  options: TokenizerOptions = {},
): Tokenizer | null {
  const files = tokenizerFiles(assets)
  if (files === null) return null
  const library = createLibraryTokenizer(files.tokenizer, files.config)
  const vocabulary = library.model?.vocab ?? []
  const added = library.get_added_tokens_decoder()
  const decoder = createPieceDecoder(fieldOf(files.tokenizer, 'decoder') ?? null)
  const { chat, render } = createChat(assets, files.config, options)

  const pieces = new Map<number, TokenPiece | null>()
  const pieceOf = (tokenId: number): TokenPiece | null => {
    const known = pieces.get(tokenId)
    if (known !== undefined) return known
    const token = vocabulary[tokenId]
    if (token === undefined) return null
    const piece = added.has(tokenId) ? { text: token } : decoder.piece(token)
    pieces.set(tokenId, piece)
    return piece
  }
  const pieceWithoutSpecial = (tokenId: number): TokenPiece | null =>
    added.get(tokenId)?.special === true ? null : pieceOf(tokenId)
  const stream = (skipSpecialTokens: boolean): TextStream =>
    createTextStream(skipSpecialTokens ? pieceWithoutSpecial : pieceOf, decoder.stripLeadingSpace)
  return {
    vocabularySize: vocabulary.length,
    encode: (text, { addSpecialTokens = true } = {}) => {
      if (text === '' && !addSpecialTokens) return []
      return encodeWith(library, text, addSpecialTokens)
    },
    decode: (tokenIds, { skipSpecialTokens = true } = {}) => {
      const text = stream(skipSpecialTokens)
      return tokenIds.map((tokenId) => text.push(tokenId)).join('') + text.flush()
    },
    stream: () => stream(true),
    chat,
    renderChat: render,
  }
}

/** The library checks some sections of tokenizer.json only when it first uses them. @throws {ModelError} `bad-model` */
function encodeWith(library: LibraryTokenizer, text: string, addSpecialTokens: boolean): number[] {
  try {
    return library.encode(text, { add_special_tokens: addSpecialTokens }).ids
  } catch (cause) {
    throw new ModelError(
      'bad-model',
      `the model's tokenizer fails at a text: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}

function createLibraryTokenizer(tokenizer: JsonObject, config: JsonObject): LibraryTokenizer {
  try {
    return new LibraryTokenizer(tokenizer, config)
  } catch (cause) {
    const type = fieldOf(asObject(fieldOf(tokenizer, 'model'), 'the model section of tokenizer.json'), 'type')
    throw new ModelError(
      'unsupported-model',
      `the tokenizer (${String(type)}) cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}

/** A model whose template cannot be parsed still completes raw prompts; only chats are refused, with the reason. */
function createChat(
  assets: ReadonlyMap<string, Uint8Array>,
  config: JsonObject,
  options: TokenizerOptions,
): { chat: boolean; render: Tokenizer['renderChat'] } {
  const template = findChatTemplate(assets, config)
  const refuse = (reason: string, cause?: unknown): { chat: false; render: Tokenizer['renderChat'] } => ({
    chat: false,
    render: () => {
      throw new ModelError('bad-request', reason, cause === undefined ? {} : { cause })
    },
  })
  if (template === null) return refuse('this model has no chat template: give a raw prompt')
  try {
    const compiled = compileChatTemplate(template, config, options.wallMs)
    return { chat: true, render: (messages) => compiled.render(messages) }
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
    return refuse(error.message, error)
  }
}
