import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers'
import { compileChatTemplate, findChatTemplate } from './chat-template.ts'
import { createControlBreaker, droppingBreakers } from './control-text.ts'
import { ModelError } from '../error.ts'
import { asObject, fieldOf, type JsonObject } from '../json-fields.ts'
import { createTokenDecoder } from './token-decoder.ts'
import { tokenizerFiles } from './tokenizer-files.ts'
import type { ChatMessage, DecoderParts, SynchronousTokenizer } from './tokenizer-types.ts'

export interface TokenizerOptions {
  /** Date for templates that write it (`strftime_now`). Without it they use a default of their own or refuse. */
  readonly wallMs?: () => number
}

/**
 * The tokenizer of a model's assets, or null when it has none. Text to ids is @huggingface/tokenizers; ids to text is
 * {@link createTokenDecoder}. Nothing bounds the time and memory of patterns and templates here: programs that handle the
 * models of others run it in a thread that is watched.
 *
 * @throws {ModelError} `bad-model` or `unsupported-model` with the reason
 */
export function createTokenizer(
  assets: ReadonlyMap<string, Uint8Array>,
  options: TokenizerOptions = {},
): SynchronousTokenizer | null {
  const files = tokenizerFiles(assets)
  if (files === null) return null
  const library = createLibraryTokenizer(droppingBreakers(files.tokenizer), files.config)
  const parts: DecoderParts = {
    vocabulary: library.model?.vocab ?? [],
    added: new Map([...library.get_added_tokens_decoder()].map(([id, { special }]) => [id, special])),
    decoder: fieldOf(files.tokenizer, 'decoder') ?? null,
  }
  const control = [...parts.added].flatMap(([id, special]) => (special ? (parts.vocabulary[id] ?? []) : []))
  const { chat, render } = createChat(assets, files.config, options, control)
  return {
    ...createTokenDecoder(parts),
    encode: (text, { addSpecialTokens = true } = {}) => {
      if (text === '' && !addSpecialTokens) return []
      return encodeWith(library, text, addSpecialTokens)
    },
    chat,
    renderChat: render,
    parts,
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
  control: readonly string[],
): { chat: boolean; render: SynchronousTokenizer['renderChat'] } {
  const template = findChatTemplate(assets, config)
  const refuse = (
    reason: string,
    cause?: unknown,
  ): { chat: false; render: SynchronousTokenizer['renderChat'] } => ({
    chat: false,
    render: () => {
      throw new ModelError('bad-request', reason, cause === undefined ? {} : { cause })
    },
  })
  if (template === null) return refuse('this model has no chat template: give a raw prompt')
  try {
    const compiled = compileChatTemplate(template, config, options.wallMs)
    const breakControl = createControlBreaker(control)
    const broken = ({ role, content }: ChatMessage): ChatMessage => ({ role, content: breakControl(content) })
    return { chat: true, render: (messages) => compiled.render(messages.map(broken)) }
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
    return refuse(error.message, error)
  }
}
