import { restored, storable } from './chat/history.ts'
import { restoredSettings, type Settings } from './chat/settings.ts'
import type { Conversation } from './chat/conversation.ts'

const names = { history: 'shoal.history', settings: 'shoal.settings' } as const

/** What the browser keeps for this address. Where it keeps nothing (a private window, a full disk) the page works without. */
export const storage = {
  conversations: (): Conversation[] => restored(read(names.history)),
  settings: (): Settings => restoredSettings(read(names.settings)),
  /** @returns whether the browser has taken them */
  saveConversations: (all: readonly Conversation[]): boolean => write(names.history, storable(all)),
  saveSettings: (settings: Settings): boolean => write(names.settings, settings),
} as const

function read(name: string): string | null {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}

function write(name: string, value: unknown): boolean {
  try {
    localStorage.setItem(name, JSON.stringify(value))
    return true
  } catch {
    return false
  }
}
