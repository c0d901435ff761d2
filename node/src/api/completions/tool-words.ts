import type { ChatMessage } from '@shoal/model'
import type { JsonObject, Tool } from './ask.ts'

/** A tool as chat templates take it, which is OpenAI's form. */
export function templateTool({ name, description, parameters }: Tool): JsonObject {
  return {
    type: 'function',
    function: {
      name,
      ...(description !== null && { description }),
      parameters: parameters ?? { type: 'object', properties: {} },
    },
  }
}

/**
 * Tells tools, calls and results in words, for a model whose chat template has no place for them. The form is that of
 * Hermes and Qwen, which most models have seen.
 */
export function toolsInWords(messages: readonly ChatMessage[], tools: readonly Tool[]): ChatMessage[] {
  const told = joinResults(messages.map(messageInWords))
  if (tools.length === 0) return told
  const words = [
    'You may call one or more functions to help with the request. These are their signatures:',
    '<tools>',
    ...tools.map((tool) => JSON.stringify(templateTool(tool))),
    '</tools>',
    'For each call, write a JSON object with the name of the function and its arguments between these tags:',
    '<tool_call>',
    '{"name": "<name of the function>", "arguments": <object of arguments>}',
    '</tool_call>',
  ].join('\n')
  const [first, ...rest] = told
  return first?.role === 'system'
    ? [{ ...first, content: `${first.content}\n\n${words}` }, ...rest]
    : [{ role: 'system', content: words }, ...told]
}

function messageInWords({ role, content, toolCalls = [] }: ChatMessage): ChatMessage {
  if (role === 'tool') return { role: 'user', content: `<tool_response>\n${content}\n</tool_response>` }
  const calls = toolCalls.map(
    (call) => `<tool_call>\n${JSON.stringify({ name: call.name, arguments: call.arguments })}\n</tool_call>`,
  )
  return { role, content: [...(content === '' && calls.length > 0 ? [] : [content]), ...calls].join('\n') }
}

/** Templates want users and assistants to take turns: results of several calls are one message. */
function joinResults(messages: readonly ChatMessage[]): ChatMessage[] {
  const joined: ChatMessage[] = []
  for (const message of messages) {
    const last = joined.at(-1)
    const result = message.content.startsWith('<tool_response>')
    if (
      result &&
      last?.role === 'user' &&
      message.role === 'user' &&
      last.content.endsWith('</tool_response>')
    )
      joined[joined.length - 1] = { role: 'user', content: `${last.content}\n${message.content}` }
    else joined.push(message)
  }
  return joined
}
