import { pageLimits } from '../limits.ts'
import type { Conversation, Turn } from './conversation.ts'

/** Conversations as the browser keeps them, the newest first, within the bounds of {@link pageLimits}. */
export function storable(conversations: readonly Conversation[]): Conversation[] {
  const kept: Conversation[] = []
  let characters = 0
  for (const conversation of conversations.slice(0, pageLimits.conversationsMax)) {
    if (conversation.turns.length === 0) continue
    characters += JSON.stringify(conversation).length
    if (characters > pageLimits.historyCharactersMax) break
    kept.push(conversation)
  }
  return kept
}

/** Reads what {@link storable} gave. What is not in that form is left out: other versions of the page may have written it. */
export function restored(text: string | null): Conversation[] {
  if (text === null) return []
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value.filter(isConversation).map(ended) : []
  } catch {
    return []
  }
}

/** An answer that ran when the page was closed has stopped. */
function ended(conversation: Conversation): Conversation {
  return {
    ...conversation,
    turns: conversation.turns.map((turn) => (turn.end === 'running' ? { ...turn, end: 'stopped' } : turn)),
  }
}

function isConversation(value: unknown): value is Conversation {
  const { id, startedMs, turns, leftOut } = fieldsOf(value)
  return (
    typeof id === 'string' &&
    typeof startedMs === 'number' &&
    typeof leftOut === 'number' &&
    Array.isArray(turns) &&
    turns.every(isTurn)
  )
}

const ends: ReadonlySet<unknown> = new Set<Turn['end']>([
  'running',
  'complete',
  'length',
  'stopped',
  'failed',
])

function isTurn(value: unknown): value is Turn {
  const { question, answer, reasoning, end, problem, figures } = fieldsOf(value)
  return (
    typeof question === 'string' &&
    typeof answer === 'string' &&
    typeof reasoning === 'string' &&
    ends.has(end) &&
    (problem === null || typeof problem === 'string') &&
    (figures === null || Object.values(fieldsOf(figures)).filter(Number.isFinite).length === 4)
  )
}

const fieldsOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
