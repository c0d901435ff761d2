import { z } from 'zod'
import type { ChatMessage } from '@shoal/model'
import { nameResults } from '../completions/history.ts'
import { assistantBlock, userBlock, type AssistantBlock, type UserBlock } from './content.ts'

export const inputMessage = z.discriminatedUnion(
  'role',
  [
    z.object({ role: z.literal('user'), content: z.union([z.string(), z.array(userBlock)]) }),
    z.object({ role: z.literal('assistant'), content: z.union([z.string(), z.array(assistantBlock)]) }),
  ],
  {
    error: ({ code }) =>
      code === 'invalid_union'
        ? 'a role is "user" or "assistant"; what the system says stands in \'system\''
        : undefined,
  },
)

/** Turns of the assistant whose thoughts a chat keeps. */
const keptThoughts = z.union([
  z.literal('all'),
  z.object({ type: z.literal('all') }),
  z.object({ type: z.literal('thinking_turns'), value: z.int().min(1) }),
])

/** What a coding assistant lets the server leave out of a long chat: thoughts only. */
export const contextManagement = z.strictObject({
  edits: z
    .array(
      z.strictObject({
        type: z.literal('clear_thinking_20251015', 'only thoughts can be left out here'),
        keep: keptThoughts.nullish(),
      }),
    )
    .max(1)
    .nullish(),
})

/** Leaves out the thoughts of earlier turns, where the caller wants that. */
export function clearThoughts(
  messages: readonly ChatMessage[],
  asked: z.infer<typeof contextManagement> | null | undefined,
): ChatMessage[] {
  const [edit] = asked?.edits ?? []
  if (edit === undefined || edit.keep === 'all' || edit.keep?.type === 'all') return [...messages]
  const turns = edit.keep?.value ?? 1
  const thought = messages.flatMap(({ reasoning }, at) => (reasoning === undefined ? [] : [at]))
  const kept = new Set(thought.slice(-turns))
  return messages.map((message, at) => {
    if (message.reasoning === undefined || kept.has(at)) return message
    const { reasoning: _, ...rest } = message
    return rest
  })
}

/** A coding assistant writes a line for its own accounts here; the line differs each time, and no prompt would be reused. */
const billing = /^x-anthropic-billing-header:/

export const system = z
  .union([z.string(), z.array(z.object({ type: z.literal('text'), text: z.string() }))])
  .transform((value) =>
    typeof value === 'string'
      ? value
      : value
          .map(({ text }) => text)
          .filter((text) => !billing.test(text))
          .join('\n\n'),
  )

/** Messages in the form of the chat renderer. */
export function inputMessages(
  systemText: string | undefined,
  messages: readonly z.infer<typeof inputMessage>[],
): ChatMessage[] {
  const told = messages.flatMap(({ role, content }): ChatMessage[] => {
    if (typeof content === 'string') return [{ role, content }]
    return role === 'user' ? userMessages(content) : [assistantMessage(content)]
  })
  const first: ChatMessage[] =
    systemText === undefined || systemText === '' ? [] : [{ role: 'system', content: systemText }]
  return [...first, ...nameResults(told)]
}

/** Results of tools are messages of their own; texts beside each other are one message. */
function userMessages(blocks: readonly UserBlock[]): ChatMessage[] {
  const messages: ChatMessage[] = []
  for (const block of blocks) {
    const last = messages.at(-1)
    if (block.type === 'tool_result') {
      const content = block.content ?? ''
      // Chat templates have no place for the mark of a failure.
      const told = block.is_error === true ? `Error: ${content}` : content
      messages.push({ role: 'tool', content: told, toolCallId: block.tool_use_id })
    } else if (last?.role === 'user')
      messages[messages.length - 1] = { role: 'user', content: last.content + block.text }
    else messages.push({ role: 'user', content: block.text })
  }
  return messages
}

function assistantMessage(blocks: readonly AssistantBlock[]): ChatMessage {
  const reasoning = blocks.map((block) => (block.type === 'thinking' ? block.thinking : '')).join('')
  const toolCalls = blocks.flatMap((block) =>
    block.type === 'tool_use' ? [{ id: block.id, name: block.name, arguments: block.input }] : [],
  )
  return {
    role: 'assistant',
    content: blocks.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    ...(reasoning !== '' && { reasoning }),
    ...(toolCalls.length > 0 && { toolCalls }),
  }
}
