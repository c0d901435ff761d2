import type { Tokenizer } from '@shoal/model'
import type { Engine } from '@shoal/swarm'
import { ApiError } from '../errors.ts'
import { apiLimits } from '../limits.ts'
import type { Ask } from './ask.ts'

export function tokenizerOf(engine: Engine): Tokenizer {
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
export function checkCharacters(engine: Engine, characters: number): void {
  const { contextLength } = engine.manifest.manifest.config
  const most = contextLength * apiLimits.promptCharactersPerToken
  if (characters > most) {
    throw new ApiError(
      400,
      `this model's maximum context length is ${contextLength} tokens, which is at most ${most} characters, and the prompt has ${characters}; shorten it`,
      { code: 'context_length_exceeded' },
    )
  }
}

/** The prompts of a text completion, each as ids. */
export async function textPrompts(
  engine: Engine,
  prompts: readonly (string | readonly number[])[],
): Promise<(readonly number[])[]> {
  const ids: (readonly number[])[] = []
  for (const prompt of prompts) {
    if (typeof prompt !== 'string') ids.push(prompt)
    else {
      checkCharacters(engine, prompt.length)
      ids.push(await tokenizerOf(engine).encode(prompt))
    }
  }
  return ids
}

/** @throws {ApiError} 400 for ids outside the vocabulary */
export function checkIds(engine: Engine, ids: readonly number[], param: string): void {
  const { vocabularySize } = engine.manifest.manifest.config
  const wrong = ids.find((id) => id >= vocabularySize)
  if (wrong === undefined) return
  throw new ApiError(400, `token id ${wrong} is outside the vocabulary of ${vocabularySize}`, {
    code: 'invalid_value',
    param,
  })
}

/**
 * Tokens this generation may make: what was asked for, as far as the context has room.
 * @throws {ApiError} 400 when the prompt alone fills the context
 */
export function tokenRoom(engine: Engine, promptIds: readonly number[], asked: Ask['maxTokens']): number {
  const { contextLength } = engine.manifest.manifest.config
  if (promptIds.length === 0)
    throw new ApiError(400, 'the prompt is empty', { code: 'invalid_value', param: 'prompt' })
  checkIds(engine, promptIds, 'prompt')
  const room = contextLength - promptIds.length
  if (room < 1) {
    // Clients find out by these words that a conversation has to be shortened.
    throw new ApiError(
      400,
      `this model's maximum context length is ${contextLength} tokens, and the prompt has ${promptIds.length} tokens; shorten it`,
      { code: 'context_length_exceeded' },
    )
  }
  return asked === 'room' ? room : Math.min(room, asked ?? apiLimits.defaultMaxTokens)
}
