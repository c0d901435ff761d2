import { ShoalError } from '@shoal/host'
import type { Manifest } from '@shoal/model'
import { tabLimits } from './limits.ts'

/** The name and version of the protocol between a node and a tab, as the WebSocket names it. */
export const tabProtocol = 'shoal-lend-1'

/** What a node sends to a tab, beside calls and beats of the engine. */
export type ToTab =
  | {
      readonly kind: 'welcome'
      readonly manifest: Manifest
      /** Opens the addresses of weights to this tab. */
      readonly weightsToken: string
      readonly memoryBytesMax: number
    }
  | ({ readonly kind: 'news' } & TabNews)

/** What the peer of a tab does, for the person who lends it. */
export interface TabNews {
  readonly phase: 'starting' | 'serving' | 'waiting' | 'leaving' | 'left' | 'failed'
  readonly peer: string | null
  readonly blocks: readonly [number, number] | null
  readonly sessions: number
  /** Why it failed; null otherwise. */
  readonly reason: string | null
}

/** What a tab offers. */
export interface TabOffer {
  readonly memoryBytes: number
  readonly threads: number
  readonly decodeMicrosPerBlock: number
  readonly decodeMicrosPer1024Past: number
  readonly prefillMicrosPerRowBlock: number
  /** Exactly these blocks instead of what the plan says, as `shoal up --blocks` does; null for the plan. */
  readonly blocks: readonly [number, number] | null
}

/** What a tab sends to its node, beside replies and beats of its engine. */
export type FromTab = ({ readonly kind: 'offer' } & TabOffer) | { readonly kind: 'leave' }

/**
 * Reads what a tab sends, which may be anything.
 * @throws {ShoalError} `bad-frame`
 */
export function readFromTab(message: Readonly<Record<string, unknown>>): FromTab {
  const whole = (name: Exclude<keyof TabOffer, 'blocks'>, min: number, max: number): number => {
    const value = message[name]
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value
    throw new ShoalError('bad-frame', `${name} of the offer must be a whole number from ${min} to ${max}`)
  }
  switch (message['kind']) {
    case 'offer':
      return {
        kind: 'offer',
        memoryBytes: whole('memoryBytes', tabLimits.memoryBytesMin, tabLimits.memoryBytesMax),
        threads: whole('threads', 1, tabLimits.threadsMax),
        decodeMicrosPerBlock: whole('decodeMicrosPerBlock', 1, tabLimits.blockMicrosMax),
        decodeMicrosPer1024Past: whole('decodeMicrosPer1024Past', 0, tabLimits.blockMicrosMax),
        prefillMicrosPerRowBlock: whole('prefillMicrosPerRowBlock', 1, tabLimits.blockMicrosMax),
        blocks: blocksOf(message['blocks']),
      }
    case 'leave':
      return { kind: 'leave' }
    default:
      throw new ShoalError(
        'bad-frame',
        'this node does not know such a message: it may be of another version',
      )
  }
}

/** Whether the model has these blocks is checked when the peer starts. */
function blocksOf(value: unknown): readonly [number, number] | null {
  if (value === null || value === undefined) return null
  if (Array.isArray(value) && value.length === 2) {
    const [start, end] = value as readonly unknown[]
    if (isIndex(start) && isIndex(end) && start < end) return [start, end]
  }
  throw new ShoalError('bad-frame', 'blocks of the offer must be two numbers, the first one smaller')
}

const isIndex = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
