import { z } from 'zod'
import type { ChatAsk, ContentForm, JsonObject, Tool, ToolChoice } from '../completions/ask.ts'
import { ApiError } from '../errors.ts'
import { apiLimits } from '../limits.ts'
import { chatMessage, chatMessages } from './chat-messages.ts'
import { askOf, commonFields, tokenCount } from './fields.ts'

const jsonObject = z.record(z.string(), z.unknown())

const tool = z.object({
  type: z.literal('function', 'only tools of the type "function" are supported'),
  function: z.object({
    name: z.string().regex(/^[\w.-]{1,64}$/, 'a name has up to 64 letters, digits, _, . and -'),
    description: z.string().nullish(),
    parameters: jsonObject.nullish(),
    strict: z.boolean().nullish(),
  }),
})

const namedTool = z.object({ type: z.literal('function'), function: z.object({ name: z.string() }) })

const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.discriminatedUnion('type', [
    namedTool,
    z.object({
      type: z.literal('allowed_tools'),
      allowed_tools: z.object({
        mode: z.enum(['auto', 'required']),
        tools: z.array(namedTool).min(1).max(apiLimits.maxTools),
      }),
    }),
  ]),
])

const responseFormat = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({
    type: z.literal('json_schema'),
    json_schema: z.object({
      name: z.string(),
      description: z.string().nullish(),
      schema: jsonObject.nullish(),
      /** The schema is kept to in any case. */
      strict: z.boolean().nullish(),
    }),
  }),
])

export const reasoningEffort = z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']).nullish()

export const chatRequest = z.strictObject({
  ...commonFields,
  messages: z.array(chatMessage).min(1).max(apiLimits.maxMessages),
  max_completion_tokens: tokenCount,
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(apiLimits.maxTopLogprobs).nullish(),
  response_format: responseFormat.nullish(),
  tools: z.array(tool).max(apiLimits.maxTools).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  reasoning_effort: reasoningEffort,
  /** Variables of the model's chat template, as vLLM and llama.cpp take them: `enable_thinking`, for instance. */
  chat_template_kwargs: jsonObject.nullish(),
  /** Texts that the answer is based on, where the model's chat template knows them. */
  documents: z.array(jsonObject).nullish(),
  verbosity: z.literal('medium', 'answers have the length that the model gives them').nullish(),
  /** As vLLM takes them: the answer goes on with the last message, which is one of the assistant. */
  continue_final_message: z.boolean().nullish(),
  add_generation_prompt: z.boolean().nullish(),
  modalities: z.tuple([z.literal('text')]).nullish(),
})

export type ChatRequest = z.infer<typeof chatRequest>

/** @throws {ApiError} 400 for fields that contradict each other */
export function chatAsk(request: ChatRequest): ChatAsk {
  if (typeof request.top_logprobs === 'number' && request.logprobs !== true)
    throw invalid('top_logprobs', `'top_logprobs' needs 'logprobs': true`)
  const all = (request.tools ?? []).map(({ function: { name, description, parameters } }) => ({
    name,
    description: description ?? null,
    parameters: parameters ?? null,
  }))
  const { tools, toolChoice } = allowedOf(request.tool_choice, all)
  return {
    ...askOf(request, request.max_completion_tokens ?? request.max_tokens),
    topLogprobs: request.logprobs === true ? (request.top_logprobs ?? 0) : null,
    messages: chatMessages(request.messages),
    begun: begunBy(request),
    tools,
    toolChoice,
    form: formOf(request.response_format),
    parallelCalls: request.parallel_tool_calls ?? true,
    documents: request.documents ?? [],
    variables: { ...effortVariables(request.reasoning_effort), ...request.chat_template_kwargs },
  }
}

/** The field that says that the answer goes on with the last message; undefined where none does. */
function begunBy(request: ChatRequest): string | undefined {
  const { add_generation_prompt: prompted, continue_final_message: continued } = request
  const marked = request.messages.flatMap((message, at) => {
    if (message.role !== 'assistant') return []
    const name = message.prefix === true ? 'prefix' : message.partial === true ? 'partial' : null
    return name === null ? [] : [{ at, param: `messages.${at}.${name}` }]
  })
  const early = marked.find(({ at }) => at < request.messages.length - 1)
  if (early !== undefined)
    throw invalid(early.param, `'${early.param}': only the last message can be the beginning of the answer`)
  const begun = continued === true ? 'continue_final_message' : marked[0]?.param
  if (prompted === true && continued === true)
    throw invalid(
      'add_generation_prompt',
      `'add_generation_prompt' and 'continue_final_message' exclude each other`,
    )
  if (prompted === false && begun === undefined)
    throw invalid(
      'add_generation_prompt',
      `'add_generation_prompt': false needs 'continue_final_message': true`,
    )
  return begun
}

function formOf(format: ChatRequest['response_format']): ContentForm | undefined {
  if (format === undefined || format === null || format.type === 'text') return undefined
  return jsonForm(format.type === 'json_schema' ? format.json_schema.schema : null, 'response_format')
}

/** JSON that a schema accepts; any object without one. @param param the field in which the caller says so */
export function jsonForm(schema: JsonObject | null | undefined, param: string): ContentForm {
  return { grammar: { kind: 'json-schema', schema: schema ?? { type: 'object' } }, param }
}

/** The choice, and the tools among which the model chooses: with `allowed_tools`, the others are not shown to it. */
function allowedOf(
  choice: ChatRequest['tool_choice'],
  tools: readonly Tool[],
): { tools: readonly Tool[]; toolChoice: ToolChoice } {
  const asked = choice ?? 'auto'
  if (typeof asked === 'string') return { tools, toolChoice: checkedChoice(asked, tools) }
  if (asked.type === 'function')
    return { tools, toolChoice: checkedChoice({ name: asked.function.name }, tools) }
  const { mode, tools: named } = asked.allowed_tools
  const names = named.map(({ function: { name } }) => name)
  return { tools: toolsNamed(names, tools), toolChoice: mode }
}

/** @throws {ApiError} 400 for a name of no tool */
export function toolsNamed(names: readonly string[], tools: readonly Tool[]): readonly Tool[] {
  for (const name of names) checkedChoice({ name }, tools)
  return tools.filter(({ name }) => names.includes(name))
}

/** @throws {ApiError} 400 for a choice that no tool fulfils */
export function checkedChoice(choice: ToolChoice, tools: readonly Tool[]): ToolChoice {
  if (choice === 'required' && tools.length === 0)
    throw invalid('tool_choice', `'tool_choice': 'required' needs 'tools'`)
  if (typeof choice === 'object' && !tools.some(({ name }) => name === choice.name))
    throw invalid('tool_choice', `'tool_choice' names a tool that is not among 'tools'`)
  return choice
}

function invalid(param: string, message: string): ApiError {
  return new ApiError(400, message, { code: 'invalid_value', param })
}

/** Under the names that chat templates have for thinking; templates ignore variables that they do not know. */
export function effortVariables(effort: z.infer<typeof reasoningEffort>): JsonObject {
  if (effort === undefined || effort === null) return {}
  const thinks = effort !== 'none'
  return { reasoning_effort: effort, enable_thinking: thinks, thinking: thinks }
}
