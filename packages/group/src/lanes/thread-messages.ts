import { ShoalError, type ErrorCode } from '@shoal/host'
import type { SumTable } from '../rank/group-rank.ts'

/** Where and with which key a computing thread listens for a lane. */
export interface LaneOffer {
  readonly port: number
  readonly identity: string
  readonly key: Uint8Array
}

/**
 * From the main thread to the computing thread. Messages are handled in the order in which they are sent, and before any
 * call that is sent after them. The answer repeats `ask`, so that a late answer is not taken for one to the next group.
 */
export type ToThread =
  /** Begins a new group and ends the one before. */
  | {
      readonly type: 'form'
      readonly group: number
      readonly rank: number
      readonly peers: readonly { readonly peer: string }[]
      readonly sums: SumTable
    }
  /** Listen at the address `host` for rank `from`. Answered by `listening` or `lane`. */
  | { readonly type: 'listen'; readonly ask: number; readonly from: number; readonly host: string }
  /** Connect to rank `to`. Answered by `lane`. */
  | {
      readonly type: 'connect'
      readonly ask: number
      readonly to: number
      readonly host: string
      readonly offer: LaneOffer
    }
  /** Make sums over the lanes from now on: there is one to each rank. */
  | { readonly type: 'use' }
  | { readonly type: 'begin'; readonly call: number }
  | { readonly type: 'fail'; readonly call: number; readonly error: PlainError }
  | { readonly type: 'end'; readonly error: PlainError }
  /** Answered by `spent`. */
  | { readonly type: 'report'; readonly ask: number }

/** From the computing thread to the main thread. */
export type FromThread =
  | { readonly type: 'ready' }
  | { readonly type: 'listening'; readonly ask: number; readonly offer: LaneOffer }
  /** Whether a lane was made; `error` is null on success. */
  | { readonly type: 'lane'; readonly ask: number; readonly error: string | null }
  /** A lane in use has ended. */
  | { readonly type: 'lost'; readonly group: number; readonly rank: number; readonly error: PlainError }
  | { readonly type: 'spent'; readonly ask: number; readonly sums: number; readonly ms: number }

/** A ShoalError in transit between threads, which would lose its class. */
export interface PlainError {
  readonly code: ErrorCode
  readonly message: string
  readonly definite: boolean
}

export function plainError({ code, message, definite }: ShoalError): PlainError {
  return { code, message, definite }
}

export function errorOf({ code, message, definite }: PlainError): ShoalError {
  return new ShoalError(code, message, { definite })
}
