import { z } from 'zod'
import type { ChatAsk, ContentForm, Tool } from '../../completions/ask.ts'
import { apiLimits } from '../../limits.ts'
import { checkedChoice, effortVariables, jsonForm, reasoningEffort, toolsNamed } from '../chat-request.ts'
import { inputItem, inputMessages } from './input.ts'

const notStored = 'answers are not stored here: send the earlier items in "input"'

const tool = z.object({
  type: z.literal('function', 'only tools of the type "function" are supported'),
  name: z.string().regex(/^[\w.-]{1,64}$/, 'a name has up to 64 letters, digits, _, . and -'),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
})

const namedTool = z.object({ type: z.literal('function'), name: z.string() })

const textFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    name: z.string(),
    description: z.string().nullish(),
    schema: z.record(z.string(), z.unknown()),
    /** The schema is kept to in any case. */
    strict: z.boolean().nullish(),
  }),
])

export const responseRequest = z.strictObject({
  model: z.string(),
  input: z.union([z.string(), z.array(inputItem).min(1).max(apiLimits.maxMessages)]),
  instructions: z.string().nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_obfuscation: z.boolean().nullish() }).nullish(),
  tools: z.array(tool).max(apiLimits.maxTools).nullish(),
  tool_choice: z
    .union([
      z.enum(['none', 'auto', 'required']),
      z.discriminatedUnion('type', [
        namedTool,
        z.object({
          type: z.literal('allowed_tools'),
          mode: z.enum(['auto', 'required']),
          tools: z.array(namedTool).min(1).max(apiLimits.maxTools),
        }),
      ]),
    ])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  reasoning: z
    .strictObject({
      effort: reasoningEffort,
      summary: z.literal('auto', 'thoughts come as they are, without a summary').nullish(),
    })
    .nullish(),
  text: z
    .strictObject({
      format: textFormat.nullish(),
      verbosity: z.literal('medium', 'answers have the length that the model gives them').nullish(),
    })
    .nullish(),
  /** Thoughts come back as they are, so that there is nothing to encrypt. */
  include: z.array(z.literal('reasoning.encrypted_content')).nullish(),
  store: z.literal(false, notStored).nullish(),
  previous_response_id: z.null(notStored).optional(),
  conversation: z.null(notStored).optional(),
  prompt: z.null(notStored).optional(),
  background: z.literal(false, 'an answer is made while its caller waits').nullish(),
  truncation: z.literal('disabled', 'prompts are not cut here').nullish(),
  top_logprobs: z.literal(0, 'log-probabilities are at /v1/chat/completions').nullish(),
  max_tool_calls: z.null('the caller runs the tools').optional(),
  metadata: z.record(z.string(), z.string()).nullish(),
  user: z.unknown().optional(),
  safety_identifier: z.unknown().optional(),
  prompt_cache_key: z.unknown().optional(),
  prompt_cache_options: z.unknown().optional(),
  prompt_cache_retention: z.unknown().optional(),
  service_tier: z.unknown().optional(),
})

export type ResponseRequest = z.infer<typeof responseRequest>

/** @throws {ApiError} 400 for fields that contradict each other */
export function responseAsk(request: ResponseRequest): ChatAsk {
  const all = (request.tools ?? []).map(({ name, description, parameters }) => ({
    name,
    description: description ?? null,
    parameters: parameters ?? null,
  }))
  const { tools, toolChoice } = allowedOf(request.tool_choice ?? 'auto', all)
  return {
    model: request.model,
    sampling: { temperature: request.temperature, topP: request.top_p },
    maxTokens: request.max_output_tokens ?? null,
    stop: [],
    answers: 1,
    topLogprobs: null,
    ignoreEos: false,
    stream: request.stream ?? false,
    messages: inputMessages(request.instructions ?? null, request.input),
    tools,
    toolChoice,
    parallelCalls: request.parallel_tool_calls ?? true,
    documents: [],
    variables: effortVariables(request.reasoning?.effort),
    form: formOf(request.text?.format),
  }
}

/** With `allowed_tools`, the other tools are not shown to the model. */
function allowedOf(
  choice: NonNullable<ResponseRequest['tool_choice']>,
  tools: readonly Tool[],
): Pick<ChatAsk, 'tools' | 'toolChoice'> {
  if (typeof choice === 'string') return { tools, toolChoice: checkedChoice(choice, tools) }
  if (choice.type === 'function') return { tools, toolChoice: checkedChoice({ name: choice.name }, tools) }
  const names = choice.tools.map(({ name }) => name)
  return { tools: toolsNamed(names, tools), toolChoice: choice.mode }
}

function formOf(format: z.infer<typeof textFormat> | null | undefined): ContentForm | undefined {
  if (format === undefined || format === null || format.type === 'text') return undefined
  return jsonForm(format.type === 'json_schema' ? format.schema : null, 'text.format')
}
