import type { ErrorCode } from '@shoal/host'
import type { SumTable } from '../rank/group-rank.ts'

/** What an offer of a lane is, beside the address. */
export interface LaneOffer {
  readonly port: number
  readonly identity: string
  readonly key: Uint8Array
}

/**
 * To the thread that computes; in the order in which they are sent, before any call that is sent after them. `ask` comes
 * back with the answer: one that is late must not be taken for that of the next group.
 */
export type ToThread =
  /** A new group: what there was of another is over. */
  | {
      readonly type: 'form'
      readonly group: number
      readonly rank: number
      readonly peers: readonly { readonly peer: string }[]
      readonly sums: SumTable
    }
  /** Listen at `host` for this rank; answered by `listening` or `lane`. */
  | { readonly type: 'listen'; readonly ask: number; readonly from: number; readonly host: string }
  /** Answered by `lane`. */
  | {
      readonly type: 'connect'
      readonly ask: number
      readonly to: number
      readonly host: string
      readonly offer: LaneOffer
    }
  /** There are lanes to all ranks: sums go through them. */
  | { readonly type: 'use' }
  | { readonly type: 'begin'; readonly call: number }
  | { readonly type: 'fail'; readonly call: number; readonly error: PlainError }
  | { readonly type: 'end'; readonly error: PlainError }
  /** Answered by `spent`. */
  | { readonly type: 'report'; readonly ask: number }

export type FromThread =
  | { readonly type: 'ready' }
  | { readonly type: 'listening'; readonly ask: number; readonly offer: LaneOffer }
  /** How it went with a lane that this side was to make. */
  | { readonly type: 'lane'; readonly ask: number; readonly error: string | null }
  /** A lane in use has ended. */
  | { readonly type: 'lost'; readonly group: number; readonly rank: number; readonly error: PlainError }
  | { readonly type: 'spent'; readonly ask: number; readonly sums: number; readonly ms: number }

/** A ShoalError between threads, where it would lose its class. */
export interface PlainError {
  readonly code: ErrorCode
  readonly message: string
  readonly definite: boolean
}
