import type { Conversation } from '../chat/conversation.ts'
import type { Settings } from '../chat/settings.ts'
import type { Connection } from '../net/watch-swarm.ts'
import type { SwarmState } from '../swarm/swarm-state.ts'
import type { ViewName } from './actions.ts'
import type { WhatIfState } from './what-if.ts'

/** Everything that the page shows. Views are functions of it. */
export interface AppState {
  readonly view: ViewName
  readonly wide: boolean
  readonly nowMs: number
  readonly connection: Connection
  readonly swarm: SwarmState
  readonly conversation: Conversation
  /** Earlier conversations, the newest first. */
  readonly past: readonly Conversation[]
  readonly settings: Settings
  readonly panel: 'settings' | 'history' | null
  readonly contextLength: number | null
  readonly whatIf: WhatIfState
  /** A short word to the person, such as that something was copied. */
  readonly notice: string
}
