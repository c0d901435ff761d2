import { ModelError } from '../../error.ts'
import type { JsonObject } from '../../json-fields.ts'
import { limits } from '../../limits.ts'
import type { ChatMessage, ChatOptions } from '../tokenizer-types.ts'
import type { ChatVariables } from './chat-template.ts'

/** How a template wants the calls of tools; templates disagree, and none says so. */
export interface CallForm {
  /** As a text of JSON, as OpenAI's API has them; most templates want an object. */
  readonly argumentsAsText: boolean
  /** A message without content has null, not an empty text. */
  readonly emptyAsNull: boolean
}

/** Names that a request's own variables may not take: they are the chat, its tokens and the template's functions. */
const reserved = new Set([
  'messages',
  'tools',
  'documents',
  'add_generation_prompt',
  'raise_exception',
  'strftime_now',
  'namespace',
  'range',
  'dict',
  'cycler',
  'joiner',
])

/**
 * The variables of a template for a chat. `breakControl` marks the texts of control tokens in all that users write.
 * @throws {ModelError} `bad-request` for a variable with a reserved name, or values that are nested too deeply
 */
export function chatVariables(
  messages: readonly ChatMessage[],
  { tools = [], documents = [], variables = {} }: ChatOptions,
  form: CallForm,
  breakControl: (text: string) => string,
): ChatVariables {
  const broken = (value: unknown): unknown => brokenValue(value, breakControl, 0)
  const brokenObjects = (objects: readonly JsonObject[]): JsonObject[] | null =>
    objects.length === 0 ? null : objects.map((object) => broken(object) as JsonObject)
  for (const name of Object.keys(variables))
    if (reserved.has(name) || name.endsWith('_token'))
      throw new ModelError('bad-request', `the variable '${name}' of the chat template cannot be set`)
  return {
    ...(broken(variables) as JsonObject),
    messages: messages.map((message) => broken(messageOf(message, form)) as JsonObject),
    tools: brokenObjects(tools),
    documents: brokenObjects(documents),
    add_generation_prompt: true,
  }
}

/** A message with the names that templates use, which are those of OpenAI's API. */
function messageOf(message: ChatMessage, { argumentsAsText, emptyAsNull }: CallForm): JsonObject {
  const { role, content, reasoning, toolCalls = [], toolCallId, name } = message
  const calls = toolCalls.map((call) => ({
    id: call.id,
    type: 'function',
    function: {
      name: call.name,
      arguments: argumentsAsText ? JSON.stringify(call.arguments) : call.arguments,
    },
  }))
  return {
    role,
    content: emptyAsNull && content === '' && calls.length > 0 ? null : content,
    ...(reasoning !== undefined && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
    ...(name !== undefined && { name }),
  }
}

function brokenValue(value: unknown, breakControl: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return breakControl(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= limits.chatValueDepthMax)
    throw new ModelError(
      'bad-request',
      `the values of a chat have more than ${limits.chatValueDepthMax} levels`,
    )
  const inner = (item: unknown): unknown => brokenValue(item, breakControl, depth + 1)
  if (Array.isArray(value)) return value.map(inner)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [breakControl(key), inner(item)]))
}
