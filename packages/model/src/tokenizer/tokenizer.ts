import { createControlBreaker } from './control-text.ts'
import { controlNames } from './control-names.ts'
import { ModelError } from '../error.ts'
import { fieldOf, type JsonObject } from '../json-fields.ts'
import { createTokenDecoder } from './decoding/token-decoder.ts'
import { createEncoder } from './encoding/encoder.ts'
import { createChatRenderer, type RenderChat } from './template/chat-renderer.ts'
import { findChatTemplates } from './template/chat-template.ts'
import { tokenizerFiles } from './tokenizer-files.ts'
import type { DecoderParts, SynchronousTokenizer } from './tokenizer-types.ts'

export interface TokenizerOptions {
  /** Date for templates that write it (`strftime_now`). Without it they use a default of their own or refuse. */
  readonly wallMs?: () => number
}

/**
 * The tokenizer of a model's assets, or null when it has none. Nothing bounds the time of patterns and templates here:
 * programs that handle the models of others run it in a thread that is watched.
 *
 * @throws {ModelError} `bad-model` or `unsupported-model` with the reason
 */
export function createTokenizer(
  assets: ReadonlyMap<string, Uint8Array>,
  options: TokenizerOptions = {},
): SynchronousTokenizer | null {
  const files = tokenizerFiles(assets)
  if (files === null) return null
  const encoder = createEncoder(
    files.tokenizer,
    ({ special, content }) => special || controlNames.has(content),
  )
  const parts: DecoderParts = {
    vocabulary: encoder.tokens,
    added: new Map(encoder.added.map(({ id, special }) => [id, special])),
    decoder: fieldOf(files.tokenizer, 'decoder') ?? null,
  }
  const plainText = createControlBreaker(encoder.control, encoder.normalize)
  const { chat, render } = createChat(assets, files.config, options, plainText)
  return {
    ...createTokenDecoder(parts),
    encode: (text, { addSpecialTokens = true } = {}) => encoder.encode(text, addSpecialTokens),
    chat,
    renderChat: render,
    plainText,
    parts,
  }
}

/** A model whose template cannot be parsed still completes raw prompts; only chats are refused, with the reason. */
function createChat(
  assets: ReadonlyMap<string, Uint8Array>,
  config: JsonObject,
  options: TokenizerOptions,
  plainText: (text: string) => string,
): { chat: boolean; render: RenderChat } {
  const templates = findChatTemplates(assets, config)
  const refuse = (reason: string, cause?: unknown): { chat: false; render: RenderChat } => ({
    chat: false,
    render: () => {
      throw new ModelError('bad-request', reason, cause === undefined ? {} : { cause })
    },
  })
  if (templates === null) return refuse('this model has no chat template: give a raw prompt')
  try {
    return { chat: true, render: createChatRenderer(templates, config, options.wallMs, plainText) }
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
    return refuse(error.message, error)
  }
}
