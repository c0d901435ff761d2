import { z } from 'zod'
import type { ChatMessage, ChatToolCall } from '@shoal/model'
import { quoted } from '@shoal/host'
import { argumentsOf, joinSystem, nameResults } from '../completions/history.ts'

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
export const content = z
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
/** Names under which other servers take a message as the beginning of the answer. */
const begun = z.boolean().nullish()

export const chatMessage = z.discriminatedUnion(
  'role',
  [
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
      prefix: begun,
      partial: begun,
    }),
    z.object({ role: z.literal('tool'), content, tool_call_id: z.string(), name }),
  ],
  {
    error: ({ code }) =>
      code === 'invalid_union' ? 'a role is "system", "developer", "user", "assistant" or "tool"' : undefined,
  },
)

export type OpenAiMessage = z.infer<typeof chatMessage>

/** Messages in the form of the chat renderer. */
export function chatMessages(messages: readonly OpenAiMessage[]): ChatMessage[] {
  return joinSystem(
    nameResults(
      messages.map((message): ChatMessage => {
        if (message.role === 'tool') {
          return {
            role: 'tool',
            content: message.content,
            toolCallId: message.tool_call_id,
            ...(typeof message.name === 'string' && { name: message.name }),
          }
        }
        if (message.role !== 'assistant') {
          // `developer` is what newer clients call `system`; templates know the old word.
          const role = message.role === 'developer' ? 'system' : message.role
          return { role, content: message.content }
        }
        const calls = (message.tool_calls ?? []).map(callOf)
        const reasoning = message.reasoning_content ?? message.reasoning
        return {
          role: 'assistant',
          content: message.content ?? '',
          ...(typeof reasoning === 'string' && { reasoning }),
          ...(calls.length > 0 && { toolCalls: calls }),
        }
      }),
    ),
  )
}

function callOf({ id, function: called }: z.infer<typeof toolCall>): ChatToolCall {
  return { id, name: called.name, arguments: argumentsOf(called.arguments) }
}
