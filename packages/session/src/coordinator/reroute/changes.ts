import type { Route, RouteStage } from '../../route/types.ts'

/** The blocks of a leaving stage go to its successors. */
export interface Move {
  readonly kind: 'move'
  readonly from: RouteStage
  /** Successors in order. They have made room for the session. */
  readonly to: Route
  /** Whether the successors have received the KV cache except its last rows. Otherwise they compute all rows again. */
  readonly restored: boolean
}

/** Why a new version of the route is opened. */
export type RouteChange =
  /** Stages were lost. */
  | { readonly kind: 'repair' }
  | Move
  /** A move failed: the stages of the version before it are opened again. */
  | { readonly kind: 'reopen' }
