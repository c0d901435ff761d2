import type { NumberSetting } from '../chat/settings.ts'

export type ViewName = 'chat' | 'swarm' | 'plan'

/** What a person can do on the page. */
export interface Actions {
  show(view: ViewName): void
  useKey(key: string): void
  ask(question: string): void
  stop(): void
  retry(): void
  newChat(): void
  openChat(id: string): void
  deleteChat(id: string): void
  toggle(panel: 'settings' | 'history'): void
  setSystem(text: string): void
  setNumber(name: NumberSetting, text: string): void
  copy(text: string): void
  /** Asks for the plan with devices added and members taken away. */
  tryDevices(addGib: readonly number[], remove: readonly string[]): void
}
