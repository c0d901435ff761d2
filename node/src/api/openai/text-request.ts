import { z } from 'zod'
import type { TextAsk } from '../completions/ask.ts'
import { ApiError } from '../errors.ts'
import { apiLimits } from '../limits.ts'
import { askOf, commonFields } from './fields.ts'

const tokenIds = z.array(z.int().min(0)).min(1)

export const textRequest = z.strictObject({
  ...commonFields,
  prompt: z.union([
    z.string(),
    tokenIds,
    z.array(z.string()).min(1).max(apiLimits.maxPrompts),
    z.array(tokenIds).min(1).max(apiLimits.maxPrompts),
  ]),
  logprobs: z.int().min(0).max(apiLimits.maxCompletionLogprobs).nullish(),
  echo: z.literal(false, 'the prompt cannot be repeated in the answer').nullish(),
  suffix: z.literal('', 'text cannot be filled in before a suffix').nullish(),
  best_of: z.int().min(1).nullish(),
})

export type TextRequest = z.infer<typeof textRequest>

/** The older API made 16 tokens by default. */
const defaultTextTokens = 16

/** @throws {ApiError} 400 for fields that contradict each other */
export function textAsk(request: TextRequest): TextAsk {
  const prompts = promptsOf(request.prompt)
  const answers = request.n ?? 1
  if (request.best_of !== undefined && request.best_of !== null && request.best_of !== answers) {
    throw new ApiError(400, `'best_of' other than 'n' is not supported`, {
      code: 'unsupported_value',
      param: 'best_of',
    })
  }
  if (prompts.length * answers > apiLimits.maxChoices) {
    throw new ApiError(
      400,
      `${prompts.length} prompts times n = ${answers} are more than ${apiLimits.maxChoices} choices`,
      { code: 'invalid_value', param: 'n' },
    )
  }
  return {
    ...askOf(request, request.max_tokens ?? defaultTextTokens),
    topLogprobs: request.logprobs ?? null,
    prompts,
  }
}

/** A list of numbers is one prompt; every other list holds several. */
function promptsOf(prompt: TextRequest['prompt']): (string | number[])[] {
  if (typeof prompt === 'string') return [prompt]
  const ids: number[] = []
  const prompts: (string | number[])[] = []
  for (const part of prompt) {
    if (typeof part === 'number') ids.push(part)
    else prompts.push(part)
  }
  return ids.length > 0 ? [ids] : prompts
}
