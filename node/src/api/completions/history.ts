import type { ChatMessage } from '@shoal/model'
import { readJson } from '../output/json-span.ts'
import type { JsonObject } from './ask.ts'

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

/** Gives results of tools the name of the tool, which some templates write and some clients leave out. */
export function nameResults(messages: readonly ChatMessage[]): ChatMessage[] {
  const names = new Map<string, string>()
  return messages.map((message) => {
    for (const { id, name } of message.toolCalls ?? []) names.set(id, name)
    const name = message.name ?? names.get(message.toolCallId ?? '')
    return message.role === 'tool' && name !== undefined ? { ...message, name } : message
  })
}
