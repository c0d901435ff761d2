import { z } from 'zod'
import type { ChatMessage } from '@shoal/model'
import { joinSystem, nameResults } from '../completions/history.ts'
import type { Ask, ChatAsk, ContentForm, JsonObject, TextAsk } from '../completions/ask.ts'
import { apiLimits } from '../limits.ts'
import { jsonForm } from '../openai/chat-request.ts'
import { askOfOptions, options } from './options.ts'

const jsonObject = z.record(z.string(), z.unknown())
const noImages = z.array(z.never('this API takes text')).nullish()

const message = z.strictObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string().nullish(),
  thinking: z.string().nullish(),
  images: noImages,
  tool_calls: z
    .array(
      z.object({
        id: z.string().optional(),
        function: z.object({ name: z.string().min(1), arguments: jsonObject }),
      }),
    )
    .nullish(),
  tool_name: z.string().nullish(),
  tool_call_id: z.string().nullish(),
})

const tool = z.object({
  type: z.literal('function', 'only tools of the type "function" are supported'),
  function: z.object({
    name: z.string().min(1),
    description: z.string().nullish(),
    parameters: jsonObject.nullish(),
  }),
})

const fields = {
  model: z.string(),
  stream: z.boolean().nullish(),
  options: options.nullish(),
  /** The swarm keeps its model in memory. */
  keep_alive: z.unknown().optional(),
  format: z.union([z.enum(['', 'json'], 'the form is "json", or a JSON Schema'), jsonObject]).nullish(),
  think: z.union([z.boolean(), z.enum(['low', 'medium', 'high'])]).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(apiLimits.maxTopLogprobs).nullish(),
}

export const chatRequest = z.strictObject({
  ...fields,
  messages: z.array(message).max(apiLimits.maxMessages).nullish(),
  tools: z.array(tool).max(apiLimits.maxTools).nullish(),
})

export const generateRequest = z.strictObject({
  ...fields,
  prompt: z.string().nullish(),
  system: z.string().nullish(),
  raw: z.boolean().nullish(),
  images: noImages,
  suffix: z.literal('', 'text cannot be filled in before a suffix').nullish(),
  template: z.literal('', 'the chat template is the model’s own').nullish(),
  context: z.array(z.never('send the earlier messages to /api/chat')).nullish(),
})

type ChatRequest = z.infer<typeof chatRequest>
type GenerateRequest = z.infer<typeof generateRequest>

export function chatAsk(request: ChatRequest): ChatAsk {
  const tools = (request.tools ?? []).map(({ function: { name, description, parameters } }) => ({
    name,
    description: description ?? null,
    parameters: parameters ?? null,
  }))
  const messages = (request.messages ?? []).map(messageOf)
  const last = messages.at(-1)
  // As Ollama does: an answer goes on with a last message of the assistant. One that calls a tool is a whole turn.
  const begun = last?.role === 'assistant' && last.toolCalls === undefined ? 'messages' : undefined
  return { ...chatOf(request, joinSystem(nameResults(messages))), tools, begun }
}

/** A prompt is what a user says, in the model's chat template. */
export function generateAsk(request: GenerateRequest): ChatAsk {
  const system: ChatMessage[] =
    typeof request.system === 'string' && request.system !== ''
      ? [{ role: 'system', content: request.system }]
      : []
  return chatOf(request, [...system, { role: 'user', content: request.prompt ?? '' }])
}

/** A prompt as it is, without a template. */
export function rawAsk(request: GenerateRequest): TextAsk {
  return { ...askOf(request), prompts: [request.prompt ?? ''] }
}

function askOf(request: ChatRequest | GenerateRequest): Ask {
  return {
    ...askOfOptions(request.options ?? undefined),
    model: request.model,
    answers: 1,
    topLogprobs: request.logprobs === true ? (request.top_logprobs ?? 0) : null,
    ignoreEos: false,
    stream: request.stream ?? true,
    form: formOf(request.format),
  }
}

function formOf(format: ChatRequest['format']): ContentForm | undefined {
  if (format === undefined || format === null || format === '') return undefined
  return jsonForm(format === 'json' ? null : format, 'format')
}

function chatOf(request: ChatRequest | GenerateRequest, messages: readonly ChatMessage[]): ChatAsk {
  return {
    ...askOf(request),
    messages,
    tools: [],
    toolChoice: 'auto',
    parallelCalls: true,
    documents: [],
    variables: thinkVariables(request.think),
  }
}

function thinkVariables(think: ChatRequest['think']): JsonObject {
  if (think === undefined || think === null) return {}
  const thinks = think !== false
  return {
    enable_thinking: thinks,
    thinking: thinks,
    ...(typeof think === 'string' && { reasoning_effort: think }),
  }
}

function messageOf(given: z.infer<typeof message>, index: number): ChatMessage {
  const content = given.content ?? ''
  if (given.role === 'tool') {
    const name = given.tool_name
    return {
      role: 'tool',
      content,
      ...(typeof given.tool_call_id === 'string' && { toolCallId: given.tool_call_id }),
      ...(typeof name === 'string' && { name }),
    }
  }
  const calls = (given.tool_calls ?? []).map(({ id, function: called }, at) => ({
    id: id ?? `call_${index}_${at}`,
    name: called.name,
    arguments: called.arguments,
  }))
  return {
    role: given.role,
    content,
    ...(typeof given.thinking === 'string' && { reasoning: given.thinking }),
    ...(calls.length > 0 && { toolCalls: calls }),
  }
}
