/** A question and what came of it. What went wrong stands beside the answer and never in it. */
export interface Turn {
  readonly question: string
  readonly answer: string
  /** What a reasoning model says before its answer; it is not sent again. */
  readonly reasoning: string
  readonly end: 'running' | 'complete' | 'length' | 'stopped' | 'failed'
  readonly problem: string | null
  readonly figures: Figures | null
}

export interface Figures {
  readonly promptTokens: number
  readonly tokens: number
  readonly tokensPerSecond: number
  readonly firstMs: number
}

export interface Conversation {
  readonly id: string
  readonly startedMs: number
  readonly turns: readonly Turn[]
  /** So many turns at the beginning are no longer sent: they do not fit into the context. */
  readonly leftOut: number
}

export type ChatEvent =
  | { readonly type: 'asked'; readonly question: string }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  | {
      readonly type: 'ended'
      readonly end: 'complete' | 'length' | 'stopped'
      readonly figures: Figures | null
    }
  | { readonly type: 'failed'; readonly problem: string }
  | { readonly type: 'left-out'; readonly turns: number }
  /** The last question is taken back, to be asked again. */
  | { readonly type: 'taken-back' }

export function emptyConversation(id: string, startedMs: number): Conversation {
  return { id, startedMs, turns: [], leftOut: 0 }
}

/** The conversation after an event. */
export function converse(conversation: Conversation, event: ChatEvent): Conversation {
  const { turns } = conversation
  const last = turns.at(-1)
  const withLast = (change: Partial<Turn>): Conversation =>
    last === undefined || last.end !== 'running'
      ? conversation
      : { ...conversation, turns: [...turns.slice(0, -1), { ...last, ...change }] }
  switch (event.type) {
    case 'asked':
      return { ...conversation, turns: [...turns, begun(event.question)] }
    case 'text':
      return withLast({ answer: (last?.answer ?? '') + event.text })
    case 'reasoning':
      return withLast({ reasoning: (last?.reasoning ?? '') + event.text })
    case 'ended':
      return withLast({ end: event.end, figures: event.figures })
    case 'failed':
      return withLast({ end: 'failed', problem: event.problem })
    case 'left-out':
      return { ...conversation, leftOut: Math.min(event.turns, Math.max(0, turns.length - 1)) }
    case 'taken-back':
      return {
        ...conversation,
        turns: turns.slice(0, -1),
        leftOut: Math.min(conversation.leftOut, Math.max(0, turns.length - 2)),
      }
  }
}

const begun = (question: string): Turn => ({
  question,
  answer: '',
  reasoning: '',
  end: 'running',
  problem: null,
  figures: null,
})

export const isRunning = ({ turns }: Conversation): boolean => turns.at(-1)?.end === 'running'

export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** What is sent for the last question. A turn without an answer is left out: templates want the roles to alternate. */
export function messagesOf({ turns, leftOut }: Conversation, system: string): Message[] {
  const question = turns.at(-1)
  const earlier = turns.slice(leftOut, -1).flatMap((turn): Message[] =>
    turn.answer === ''
      ? []
      : [
          { role: 'user', content: turn.question },
          { role: 'assistant', content: turn.answer },
        ],
  )
  return [
    ...(system.trim() === '' ? [] : [{ role: 'system', content: system } as const]),
    ...earlier,
    ...(question === undefined ? [] : [{ role: 'user', content: question.question } as const]),
  ]
}

/** A name for lists: the first words that were asked. */
export function titleOf({ turns }: Conversation): string {
  const words = (turns[0]?.question ?? 'New chat').replaceAll(/\s+/g, ' ').trim()
  return words.length > 48 ? `${words.slice(0, 47)}…` : words
}
