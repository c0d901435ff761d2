import { z } from 'zod'
import type { ChatMessage, ChatToolCall } from '@shoal/model'
import { quoted } from '@shoal/host'
import type { JsonObject } from '../completions/ask.ts'
import { readJson } from '../output/json-span.ts'

/** Parts of a content that are text, under the names that OpenAI's APIs give them. */
const textTypes = new Set(['text', 'input_text', 'output_text', 'refusal'])

const part = z
  .looseObject({ type: z.string(), text: z.string().optional(), refusal: z.string().optional() })
  .superRefine((value, context) => {
    if (!textTypes.has(value.type))
      context.addIssue({
        code: 'custom',
        path: ['type'],
        message: `parts of the type ${quoted(value.type)} are not supported: this API takes text, as {"type": "text", "text": …}`,
      })
    else if (value.text === undefined && value.refusal === undefined)
      context.addIssue({ code: 'custom', path: ['text'], message: 'a part of text needs its text' })
  })

/** A text, or its parts. */
const content = z
  .union([z.string(), z.array(part)])
  .transform((value) =>
    typeof value === 'string' ? value : value.map(({ text, refusal }) => text ?? refusal ?? '').join(''),
  )

const toolCall = z.object({
  id: z.string(),
  type: z.literal('function').optional(),
  function: z.object({ name: z.string().min(1), arguments: z.string() }),
})

const name = z.string().nullish()

export const chatMessage = z.discriminatedUnion('role', [
  z.object({ role: z.enum(['system', 'developer', 'user']), content, name }),
  z.object({
    role: z.literal('assistant'),
    content: content.nullish(),
    name,
    reasoning_content: z.string().nullish(),
    reasoning: z.string().nullish(),
    tool_calls: z.array(toolCall).nullish(),
    function_call: z.null('send tool_calls instead').optional(),
    audio: z.null('this API takes text').optional(),
  }),
  z.object({ role: z.literal('tool'), content, tool_call_id: z.string(), name }),
])

export type OpenAiMessage = z.infer<typeof chatMessage>

/** Messages in the form of the chat renderer. */
export function chatMessages(messages: readonly OpenAiMessage[]): ChatMessage[] {
  const toolNames = new Map<string, string>()
  return joinSystem(
    messages.map((message): ChatMessage => {
      if (message.role === 'tool') {
        const toolName = message.name ?? toolNames.get(message.tool_call_id)
        return {
          role: 'tool',
          content: message.content,
          toolCallId: message.tool_call_id,
          ...(toolName !== undefined && { name: toolName }),
        }
      }
      if (message.role !== 'assistant') {
        // `developer` is what newer clients call `system`; templates know the old word.
        const role = message.role === 'developer' ? 'system' : message.role
        return { role, content: message.content }
      }
      const calls = (message.tool_calls ?? []).map(callOf)
      for (const call of calls) toolNames.set(call.id, call.name)
      const reasoning = message.reasoning_content ?? message.reasoning
      return {
        role: 'assistant',
        content: message.content ?? '',
        ...(typeof reasoning === 'string' && { reasoning }),
        ...(calls.length > 0 && { toolCalls: calls }),
      }
    }),
  )
}

function callOf({ id, function: called }: z.infer<typeof toolCall>): ChatToolCall {
  return { id, name: called.name, arguments: argumentsOf(called.arguments) }
}

/** Arguments that a model wrote wrongly come back with the history: the model sees them as a text. */
export function argumentsOf(text: string): JsonObject {
  if (text.trim() === '') return {}
  const value = readJson(text)
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : { text }
}

/** Templates know one system message, the first: those that clients send in a row are one. */
export function joinSystem(messages: readonly ChatMessage[]): ChatMessage[] {
  const end = messages.findIndex(({ role }) => role !== 'system')
  const first = messages.slice(0, end === -1 ? messages.length : end)
  if (first.length < 2) return [...messages]
  const joined = first.map((message) => message.content).join('\n\n')
  return [{ role: 'system', content: joined }, ...messages.slice(first.length)]
}
