import type { ChatMessage, Tokenizer } from '@shoal/model'
import type { Engine } from '@shoal/swarm'
import { ApiError } from '../errors.ts'
import { apiLimits } from '../limits.ts'
import type { ChatRequest, TextRequest } from './schema.ts'

function tokenizerOf(engine: Engine): Tokenizer {
  if (engine.tokenizer !== null) return engine.tokenizer
  throw new ApiError(
    400,
    `model ${engine.manifest.manifest.name} has no tokenizer; send token ids to /v1/completions`,
    { code: 'no_tokenizer' },
  )
}

/**
 * Refuses text that cannot fit into the context, before any work is spent on it.
 * @throws {ApiError} 400 with both numbers
 */
function checkCharacters(engine: Engine, characters: number): void {
  const { contextLength } = engine.manifest.manifest.config
  const most = contextLength * apiLimits.promptCharactersPerToken
  if (characters > most) {
    throw new ApiError(
      400,
      `this model's context is ${contextLength} tokens, which is at most ${most} characters, and the prompt has ${characters}`,
      { code: 'context_length_exceeded' },
    )
  }
}

/** The ids of a chat, rendered by the model's template (which carries its own special tokens). */
export async function chatPrompt(engine: Engine, request: ChatRequest): Promise<number[]> {
  const tokenizer = tokenizerOf(engine)
  if (!tokenizer.chat) {
    throw new ApiError(
      400,
      `model ${engine.manifest.manifest.name} has no chat template; use /v1/completions`,
      { code: 'no_chat_template', param: 'messages' },
    )
  }
  checkCharacters(
    engine,
    request.messages.reduce((sum, { content }) => sum + content.length, 0),
  )
  // `developer` is what newer clients call `system`; templates know the old word.
  const messages = request.messages.map(({ role, content }): ChatMessage => ({
    role: role === 'developer' ? 'system' : role,
    content,
  }))
  const variables = request.chat_template_kwargs ?? {}
  return tokenizer.encode(await tokenizer.renderChat(messages, { variables }), { addSpecialTokens: false })
}

/** The prompts of a text completion, each as ids. */
export async function textPrompts(engine: Engine, request: TextRequest): Promise<number[][]> {
  const { prompt } = request
  const encode = (text: string): Promise<number[]> => {
    checkCharacters(engine, text.length)
    return tokenizerOf(engine).encode(text)
  }
  if (typeof prompt === 'string') return [await encode(prompt)]
  const prompts: number[][] = []
  const ids: number[] = []
  for (const part of prompt) {
    if (typeof part === 'number') ids.push(part)
    else prompts.push(typeof part === 'string' ? await encode(part) : part)
  }
  return ids.length > 0 ? [ids] : prompts
}

/**
 * Tokens this generation may make: what was asked for, as far as the context has room.
 * @throws {ApiError} 400 when the prompt alone fills the context
 */
export function tokenRoom(
  engine: Engine,
  promptIds: readonly number[],
  asked: number | null | undefined,
): number {
  const { contextLength, vocabularySize } = engine.manifest.manifest.config
  if (promptIds.length === 0)
    throw new ApiError(400, 'the prompt is empty', { code: 'invalid_value', param: 'prompt' })
  const wrong = promptIds.find((id) => id >= vocabularySize)
  if (wrong !== undefined)
    throw new ApiError(400, `token id ${wrong} is outside the vocabulary of ${vocabularySize}`, {
      code: 'invalid_value',
      param: 'prompt',
    })
  const room = contextLength - promptIds.length
  if (room < 1) {
    throw new ApiError(
      400,
      `this model's context is ${contextLength} tokens, and the prompt has ${promptIds.length}`,
      { code: 'context_length_exceeded' },
    )
  }
  return Math.min(room, asked ?? apiLimits.defaultMaxTokens)
}
