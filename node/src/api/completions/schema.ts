import { z } from 'zod'
import { ApiError } from '../errors.ts'
import { apiLimits } from '../limits.ts'

/**
 * What the two endpoints take. Fields that do not change the text (`user`, `metadata`, `store` …) are ignored; fields
 * that would, and that nobody here implements, are refused: a wrong answer is worse than none.
 */
const stop = z
  .union([
    z.string().min(1).max(apiLimits.maxStopLength),
    z.array(z.string().min(1).max(apiLimits.maxStopLength)).max(apiLimits.maxStops),
  ])
  .nullish()

const common = {
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  /** Not OpenAI's, but every open server has it. */
  top_k: z.int().min(0).nullish(),
  repetition_penalty: z.number().gt(0).max(10).nullish(),
  ignore_eos: z.boolean().nullish(),
  n: z.int().min(1).max(apiLimits.maxChoices).nullish(),
  seed: z.int().nullish(),
  stop,
  frequency_penalty: z.literal(0).nullish(),
  presence_penalty: z.literal(0).nullish(),
  logit_bias: z.object({}).strict().nullish(),
}

const textPart = z.object({ type: z.literal('text'), text: z.string() })
const content = z
  .union([z.string(), z.array(textPart)])
  .transform((value) => (typeof value === 'string' ? value : value.map((part) => part.text).join('')))

const message = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content,
})

export const chatRequest = z.object({
  ...common,
  messages: z.array(message).min(1).max(apiLimits.maxMessages),
  max_completion_tokens: z.int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(apiLimits.maxTopLogprobs).nullish(),
  response_format: z.object({ type: z.literal('text') }).nullish(),
  tools: z.array(z.never()).nullish(),
  tool_choice: z.literal('none').nullish(),
  functions: z.array(z.never()).nullish(),
  /** Variables of the model's chat template, as vLLM and llama.cpp take them: `enable_thinking`, for instance. */
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
  modalities: z.tuple([z.literal('text')]).nullish(),
})

const tokenIds = z.array(z.int().min(0)).min(1)

export const textRequest = z.object({
  ...common,
  prompt: z.union([
    z.string(),
    tokenIds,
    z.array(z.string()).min(1).max(apiLimits.maxPrompts),
    z.array(tokenIds).min(1).max(apiLimits.maxPrompts),
  ]),
  logprobs: z.int().min(0).max(apiLimits.maxCompletionLogprobs).nullish(),
  echo: z.literal(false).nullish(),
  suffix: z.literal('').nullish(),
  best_of: z.int().min(1).nullish(),
})

export type ChatRequest = z.infer<typeof chatRequest>
export type TextRequest = z.infer<typeof textRequest>
export type CommonRequest = Omit<
  ChatRequest,
  | 'messages'
  | 'logprobs'
  | 'top_logprobs'
  | 'max_completion_tokens'
  | 'response_format'
  | 'tools'
  | 'tool_choice'
  | 'functions'
  | 'modalities'
  | 'chat_template_kwargs'
>

/** Checks a body. @throws {ApiError} 400 naming the first wrong field */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const param = issue?.path.map(String).join('.') ?? ''
  const where = param === '' ? '' : `'${param}': `
  throw new ApiError(400, `${where}${issue?.message ?? 'not a valid request'}`, {
    code: 'invalid_value',
    ...(param !== '' && { param }),
  })
}
