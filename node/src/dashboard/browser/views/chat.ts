import { html, nothing, type TemplateResult } from 'lit-html'
import { live } from 'lit-html/directives/live.js'
import { isRunning, titleOf } from '../chat/conversation.ts'
import { pageLimits } from '../limits.ts'
import type { Actions } from './actions.ts'
import type { AppState } from './app-state.ts'
import { settingsView } from './settings.ts'
import { turnView } from './turn.ts'

const ideas = [
  'Who are you?',
  'Tell me a story about a fox and a lantern.',
  'Write a short poem about the sea.',
]

export function chatView(state: AppState, actions: Actions): TemplateResult {
  const { conversation, panel } = state
  return html`<section class="panel chat" aria-labelledby="chat-title">
    <div class="chat-head">
      <h2 id="chat-title">Chat</h2>
      <button type="button" class="quiet" @click=${() => actions.newChat()}>New chat</button>
      <button
        type="button"
        class="quiet"
        aria-expanded=${panel === 'history'}
        @click=${() => actions.toggle('history')}
      >
        History
      </button>
      <button
        type="button"
        class="quiet"
        aria-expanded=${panel === 'settings'}
        @click=${() => actions.toggle('settings')}
      >
        Settings
      </button>
    </div>
    ${panel === 'settings' ? settingsView(state, actions) : nothing}
    ${panel === 'history' ? historyView(state, actions) : nothing}
    <div
      class="talk"
      id="talk"
      role="log"
      aria-label="Conversation"
      aria-busy=${isRunning(conversation)}
      tabindex="0"
    >
      ${conversation.turns.length === 0 ? welcome(actions) : nothing}
      ${conversation.turns.map((turn, index) => turnView(state, actions, turn, index))}
    </div>
    ${composer(state, actions)}
  </section>`
}

function welcome(actions: Actions): TemplateResult {
  return html`<div class="welcome">
    <p>
      Ask the model something. Its blocks are spread over the peers of the map, and every token passes all of
      them.
    </p>
    <div class="ideas">
      ${ideas.map((idea) => html`<button type="button" class="quiet" @click=${() => actions.ask(idea)}>${idea}</button>`)}
    </div>
  </div>`
}

function composer({ conversation, swarm }: AppState, actions: Actions): TemplateResult {
  const running = isRunning(conversation)
  const send = (form: HTMLFormElement): void => {
    const field = form.elements.namedItem('question') as HTMLTextAreaElement
    if (running || field.value.trim() === '') return
    actions.ask(field.value.trim())
    field.value = ''
  }
  const onKey = (event: KeyboardEvent): void => {
    // While an input method composes a word, Enter belongs to it.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    send((event.target as HTMLTextAreaElement).form!)
  }
  const onSubmit = (event: SubmitEvent): void => {
    event.preventDefault()
    send(event.target as HTMLFormElement)
  }
  return html`<form class="composer" @submit=${onSubmit}>
    <label for="question" class="hidden">Message</label>
    <textarea
      id="question"
      name="question"
      rows="2"
      maxlength=${pageLimits.questionCharactersMax}
      placeholder=${swarm.status === null ? 'The model is loading …' : 'Say something'}
      @keydown=${onKey}
    ></textarea>
    ${
      running
        ? html`<button type="button" class="stop" @click=${() => actions.stop()}>Stop</button>`
        : html`<button ?disabled=${live(swarm.status === null)}>Send</button>`
    }
  </form>`
}

function historyView({ past }: AppState, actions: Actions): TemplateResult {
  return html`<div class="sheet" role="group" aria-label="History">
    ${past.length === 0 ? html`<p class="soft">Earlier chats are kept in this browser, and shown here.</p>` : nothing}
    <ul class="history">
      ${past.map(
        (conversation) =>
          html`<li>
            <button type="button" class="quiet open" @click=${() => actions.openChat(conversation.id)}>
              ${titleOf(conversation)}
              <span class="soft small">${startOf(conversation.startedMs)}</span>
            </button>
            <button
              type="button"
              class="quiet"
              aria-label=${`Delete the chat ${titleOf(conversation)}`}
              @click=${() => actions.deleteChat(conversation.id)}
            >
              Delete
            </button>
          </li>`,
      )}
    </ul>
  </div>`
}

/** Without seconds, so that it takes one line beside a title. */
const startOf = (startedMs: number): string =>
  new Date(startedMs).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' })
