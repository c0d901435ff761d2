import type { PageClock } from '../page-clock.ts'
import { RefusedRequest } from '../net/api.ts'
import { askModel } from './ask-model.ts'
import { turnsToLeaveOut } from './context-room.ts'
import { messagesOf, type ChatEvent, type Conversation } from './conversation.ts'
import { samplingFields, type Settings } from './settings.ts'

/** What a question needs of the page. */
export interface ChatPage {
  conversation(): Conversation
  settings(): Settings
  model(): string | null
  contextLength(): number | null
  apply(event: ChatEvent): void
}

/** Lets the model answer the last question. Turns that the context has no room for are left out, the oldest first. */
export async function answerLast(page: ChatPage, clock: PageClock, signal: AbortSignal): Promise<void> {
  leaveOutWhatIsTooMuch(page)
  try {
    const { end, figures } = await askWithRoom(page, clock, signal)
    page.apply({ type: 'ended', end, figures })
  } catch (error) {
    if (signal.aborted) page.apply({ type: 'ended', end: 'stopped', figures: null })
    else page.apply({ type: 'failed', problem: problemOf(error) })
  }
}

function leaveOutWhatIsTooMuch(page: ChatPage): void {
  const contextLength = page.contextLength()
  if (contextLength === null) return
  const { system, maxTokens } = page.settings()
  const room = { contextLength, answerTokens: maxTokens, system }
  const turns = turnsToLeaveOut(page.conversation(), room)
  if (turns > page.conversation().leftOut) page.apply({ type: 'left-out', turns })
}

/** The page only estimates tokens: where the node counts more than fit, one more turn is left out, until none is left. */
async function askWithRoom(
  page: ChatPage,
  clock: PageClock,
  signal: AbortSignal,
): ReturnType<typeof askModel> {
  for (;;) {
    const conversation = page.conversation()
    const settings = page.settings()
    try {
      return await askModel(
        clock,
        {
          model: page.model() ?? '',
          messages: messagesOf(conversation, settings.system),
          sampling: samplingFields(settings),
        },
        {
          text: (text) => page.apply({ type: 'text', text }),
          reasoning: (text) => page.apply({ type: 'reasoning', text }),
        },
        signal,
      )
    } catch (error) {
      const isTooLong = error instanceof RefusedRequest && error.code === 'context_length_exceeded'
      if (!isTooLong || conversation.leftOut >= conversation.turns.length - 1) throw error
      page.apply({ type: 'left-out', turns: conversation.leftOut + 1 })
    }
  }
}

function problemOf(error: unknown): string {
  if (error instanceof RefusedRequest) return error.message
  // Browsers say "Failed to fetch", which helps nobody.
  return 'The node does not answer any more: it may have ended. Retry when it is back.'
}
