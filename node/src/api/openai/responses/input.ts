import { z } from 'zod'
import { quoted } from '@shoal/host'
import type { ChatMessage } from '@shoal/model'
import { argumentsOf, joinSystem, nameResults } from '../../completions/history.ts'
import { content } from '../chat-messages.ts'

const texts = z.array(z.object({ text: z.string() })).nullish()

const message = z.object({
  type: z.literal('message'),
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  content,
})

const typedItem = z.discriminatedUnion(
  'type',
  [
    message,
    z.object({
      type: z.literal('function_call'),
      call_id: z.string(),
      name: z.string().min(1),
      arguments: z.string(),
    }),
    z.object({ type: z.literal('function_call_output'), call_id: z.string(), output: content }),
    z.object({ type: z.literal('reasoning'), content: texts, summary: texts }),
  ],
  {
    error: ({ input }) =>
      `items of the type ${quoted(String((input as { type?: unknown } | undefined)?.type))} are not supported: this API takes message, function_call, function_call_output and reasoning`,
  },
)

/** A message may come without its type. */
export const inputItem = z.preprocess(
  (item) =>
    typeof item === 'object' && item !== null && !('type' in item) ? { ...item, type: 'message' } : item,
  typedItem,
)
type InputItem = z.infer<typeof inputItem>

/** Items in the form of the chat renderer: thoughts, words and calls of an assistant in a row are one message. */
export function inputMessages(
  instructions: string | null,
  input: string | readonly InputItem[],
): ChatMessage[] {
  const items: readonly InputItem[] =
    typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : input
  const messages: ChatMessage[] = instructions === null ? [] : [{ role: 'system', content: instructions }]
  for (const item of items) {
    const next = messageOf(item)
    const last = messages.at(-1)
    if (next.role === 'assistant' && last?.role === 'assistant')
      messages[messages.length - 1] = joined(last, next)
    else messages.push(next)
  }
  return joinSystem(nameResults(messages))
}

function messageOf(item: InputItem): ChatMessage {
  if (item.type === 'message') {
    const role = item.role === 'developer' ? 'system' : item.role
    return { role, content: item.content }
  }
  if (item.type === 'function_call_output')
    return { role: 'tool', content: item.output, toolCallId: item.call_id }
  if (item.type === 'function_call') {
    const call = { id: item.call_id, name: item.name, arguments: argumentsOf(item.arguments) }
    return { role: 'assistant', content: '', toolCalls: [call] }
  }
  const reasoning = [...(item.content ?? item.summary ?? [])].map(({ text }) => text).join('')
  return { role: 'assistant', content: '', ...(reasoning !== '' && { reasoning }) }
}

function joined(first: ChatMessage, second: ChatMessage): ChatMessage {
  const reasoning = (first.reasoning ?? '') + (second.reasoning ?? '')
  const toolCalls = [...(first.toolCalls ?? []), ...(second.toolCalls ?? [])]
  return {
    role: 'assistant',
    content: first.content + second.content,
    ...(reasoning !== '' && { reasoning }),
    ...(toolCalls.length > 0 && { toolCalls }),
  }
}
