import { render } from 'lit-html'
import { answerLast, type ChatPage } from './chat/chat-session.ts'
import {
  converse,
  emptyConversation,
  isRunning,
  type ChatEvent,
  type Conversation,
} from './chat/conversation.ts'
import { readNumber } from './chat/settings.ts'
import { apiKey, askApi } from './net/api.ts'
import { askWhatIf } from './net/ask-what-if.ts'
import { watchSwarm, type ServerEvent } from './net/watch-swarm.ts'
import type { PageClock } from './page-clock.ts'
import { storage } from './storage.ts'
import { emptySwarm, observe, type SwarmPart } from './swarm/swarm-state.ts'
import type { Actions } from './views/actions.ts'
import type { AppState } from './views/app-state.ts'
import { shell } from './views/shell.ts'
import { noWhatIf, type WhatIfState } from './views/what-if.ts'

const noticeMs = 1_800

/** Holds the state of the page, changes it by what people and the swarm do, and draws it once a frame. */
export class App {
  readonly #clock: PageClock
  readonly #root: HTMLElement
  readonly #actions: Actions
  #state: AppState
  #drawing = false
  #answering: AbortController | null = null

  constructor(clock: PageClock, root: HTMLElement) {
    this.#clock = clock
    this.#root = root
    const wide = matchMedia('(min-width: 60.01rem)')
    wide.addEventListener('change', () => this.#set({ wide: wide.matches }))
    this.#state = {
      view: 'chat',
      wide: wide.matches,
      nowMs: clock.nowMs(),
      connection: { state: 'connecting' },
      swarm: emptySwarm,
      conversation: this.#emptyConversation(),
      past: storage.conversations(),
      settings: storage.settings(),
      panel: null,
      contextLength: null,
      whatIf: noWhatIf,
      notice: '',
    }
    this.#actions = this.#actionsOf()
  }

  start(): void {
    this.#root.replaceChildren()
    this.#draw()
    void watchSwarm(
      this.#clock,
      (event) => this.#onEvent(event),
      (connection) => this.#set({ connection }),
    )
  }

  #emptyConversation(): Conversation {
    const nowMs = this.#clock.wallMs()
    return emptyConversation(String(nowMs), nowMs)
  }

  #set(change: Partial<AppState>): void {
    this.#state = { ...this.#state, ...change }
    if (this.#drawing) return
    this.#drawing = true
    requestAnimationFrame(() => this.#draw())
  }

  #draw(): void {
    this.#drawing = false
    const talk = document.getElementById('talk')
    const atEnd = talk === null || talk.scrollHeight - talk.scrollTop - talk.clientHeight < 60
    this.#state = { ...this.#state, nowMs: this.#clock.nowMs() }
    render(shell(this.#state, this.#actions), this.#root)
    const drawn = document.getElementById('talk')
    // Who has scrolled up to read is left there.
    if (atEnd && drawn !== null) drawn.scrollTop = drawn.scrollHeight
  }

  #onEvent({ name, data }: ServerEvent): void {
    const { swarm } = this.#state
    const part = { name, value: JSON.parse(data) } as SwarmPart
    const time = { nowMs: this.#clock.nowMs(), wallMs: this.#clock.wallMs() }
    this.#set({ swarm: observe(swarm, part, time) })
    if (part.name !== 'status' || part.value === null) return
    document.title = `Shoal · ${part.value.model}`
    if (swarm.status === null) void this.#readContextLength().catch(() => this.#set({ contextLength: null }))
  }

  async #readContextLength(): Promise<void> {
    const { data } = (await (await askApi('/v1/models')).json()) as { data: { context_length?: number }[] }
    this.#set({ contextLength: data[0]?.context_length ?? null })
  }

  #actionsOf(): Actions {
    return {
      show: (view) => this.#set({ view }),
      useKey: (key) => {
        apiKey.set(key)
        this.#set({ connection: { state: 'connecting' } })
      },
      ask: (question) => this.#ask(question),
      stop: () => this.#answering?.abort(),
      retry: () => this.#retry(),
      newChat: () => this.#open(this.#emptyConversation()),
      openChat: (id) => {
        const chosen = this.#state.past.find((each) => each.id === id)
        if (chosen !== undefined) this.#open(chosen)
      },
      deleteChat: (id) => this.#keep(this.#state.past.filter((each) => each.id !== id)),
      toggle: (panel) => this.#set({ panel: this.#state.panel === panel ? null : panel }),
      setSystem: (system) => this.#setSettings({ system }),
      setNumber: (name, text) => this.#setSettings({ [name]: readNumber(name, text) }),
      copy: (text) => void this.#copy(text),
      tryDevices: (addGib, remove) => this.#tryDevices(addGib, remove),
    }
  }

  #ask(question: string): void {
    if (isRunning(this.#state.conversation) || this.#state.swarm.status === null) return
    this.#apply({ type: 'asked', question })
    this.#set({ panel: null })
    const answering = new AbortController()
    this.#answering = answering
    const { id } = this.#state.conversation
    const page = {
      conversation: () => this.#state.conversation,
      settings: () => this.#state.settings,
      model: () => this.#state.swarm.status?.model ?? null,
      contextLength: () => this.#state.contextLength,
      // What still comes for a conversation that was left does not belong into the next one.
      apply: (event: ChatEvent) => (this.#state.conversation.id === id ? this.#apply(event) : undefined),
    }
    void this.#answer(page, answering.signal).catch((error: unknown) => this.#say(String(error)))
  }

  async #answer(page: ChatPage, signal: AbortSignal): Promise<void> {
    await answerLast(page, this.#clock, signal)
    this.#remember()
  }

  #retry(): void {
    const question = this.#state.conversation.turns.at(-1)?.question
    if (question === undefined || isRunning(this.#state.conversation)) return
    this.#apply({ type: 'taken-back' })
    this.#ask(question)
  }

  #apply(event: ChatEvent): void {
    this.#set({ conversation: converse(this.#state.conversation, event) })
  }

  #open(conversation: Conversation): void {
    if (isRunning(this.#state.conversation)) {
      this.#answering?.abort()
      this.#apply({ type: 'ended', end: 'stopped', figures: null })
      this.#remember()
    }
    this.#set({ conversation, panel: null, view: 'chat' })
    document.getElementById('question')?.focus()
  }

  /** Keeps the conversation, the newest first. */
  #remember(): void {
    const { conversation, past } = this.#state
    if (conversation.turns.length === 0) return
    this.#keep([conversation, ...past.filter(({ id }) => id !== conversation.id)])
  }

  #keep(past: readonly Conversation[]): void {
    this.#set({ past })
    if (!storage.saveConversations(past)) this.#say('This browser keeps no history here')
  }

  #setSettings(change: Partial<AppState['settings']>): void {
    const settings = { ...this.#state.settings, ...change }
    this.#set({ settings })
    storage.saveSettings(settings)
  }

  #tryDevices(addGib: readonly number[], remove: readonly string[]): void {
    const asked = { addGib, remove }
    this.#set({ whatIf: { ...this.#state.whatIf, ...asked, failure: '' } })
    if (addGib.length + remove.length === 0) return this.#set({ whatIf: noWhatIf })
    askWhatIf(addGib, remove).then(
      (answer) => this.#onWhatIf({ ...asked, answer, failure: '' }),
      (error: unknown) =>
        this.#onWhatIf({
          ...asked,
          answer: null,
          failure: error instanceof Error ? error.message : String(error),
        }),
    )
  }

  /** An answer to an earlier choice is too late. */
  #onWhatIf(given: WhatIfState): void {
    const { addGib, remove } = this.#state.whatIf
    if (addGib === given.addGib && remove === given.remove) this.#set({ whatIf: given })
  }

  async #copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text)
      this.#say('Copied')
    } catch {
      // Browsers give the clipboard to pages of this machine or with TLS only.
      this.#say('This browser does not let the page copy')
    }
  }

  #say(notice: string): void {
    this.#set({ notice })
    this.#clock.after(noticeMs, () =>
      this.#set({ notice: this.#state.notice === notice ? '' : this.#state.notice }),
    )
  }
}
