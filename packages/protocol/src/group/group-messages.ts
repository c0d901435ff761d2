/**
 * Messages between the ranks of a tensor-parallel group (docs/tensor-parallel.md). The leader, rank 0, opens a channel to
 * each member and forms the group; members open channels among themselves. `request` numbers the requests of one channel,
 * and answers repeat it.
 */

/** Leader → member: load this share of these blocks. Answered by `group-done` with the member's numeric class, or by `group-failed`. */
export interface FormGroup {
  readonly type: 'group-form'
  readonly request: number
  readonly group: string
  readonly manifest: string
  readonly profile: string
  readonly start: number
  readonly end: number
  /** Rank of the member. */
  readonly rank: number
  /** Attention heads by rank, as in `BlockSplit`; empty where experts are shared. */
  readonly heads: readonly number[]
  /** Feed-forward columns by rank; empty where experts are shared. */
  readonly columns: readonly number[]
  /** Experts by rank; absent where heads and columns are shared. */
  readonly experts?: readonly number[]
  /** Algorithm for sums of up to so many bytes, in ascending order; the last entry also serves longer sums. */
  readonly sums: readonly { readonly bytes: number; readonly algorithm: 'star' | 'gather' | 'ring' }[]
  /** The peers by rank, the leader included. */
  readonly peers: readonly { readonly peer: string; readonly addresses: readonly string[] }[]
}

/** Leader → member, once all have loaded: open a channel to every higher rank. Answered by `group-done`. */
export interface ConnectGroup {
  readonly type: 'group-connect'
  readonly request: number
}

/** Leader → member: reserve memory for a session. Answered by `group-done` or `group-failed`. */
export interface OpenGroupSession {
  readonly type: 'group-open'
  readonly request: number
  /** The leader's number for the session. */
  readonly session: number
  readonly tokenBudget: number
  readonly start: number
  readonly end: number
}

/** Leader → member: drop the positions from `length` on. Not answered. */
export interface TruncateGroupSession {
  readonly type: 'group-truncate'
  readonly session: number
  readonly length: number
}

/** Leader → member: free the session. Not answered. */
export interface CloseGroupSession {
  readonly type: 'group-close'
  readonly session: number
}

/** Member → leader: the request has been fulfilled. */
export interface GroupDone {
  readonly type: 'group-done'
  readonly request: number
  /** The member's numeric class in the answer to `group-form`, else null. */
  readonly numericClass: string | null
  /** In the answer to `group-connect`: whether the member has a lane to every higher rank. */
  readonly lanes?: boolean
}

/**
 * Rank → each lower rank, once their channel is open: where the computing thread of the sender listens for that rank, or
 * null when it offers no lane. A lane is a socket between two computing threads and carries `group-part` only.
 */
export interface OfferLane {
  readonly type: 'group-lane'
  readonly offer: { readonly port: number; readonly identity: string; readonly key: Uint8Array } | null
}

/** Leader → member, before any call: all ranks have lanes to each other, so parts of sums go through the lanes. */
export interface UseLanes {
  readonly type: 'group-lanes'
}

/**
 * Future leader → rank, on a channel of its own: send this message back. The round trips of empty echoes and of echoes
 * with a payload (float32) tell the leader what sums will cost.
 */
export interface GroupEcho {
  readonly type: 'group-echo'
  readonly request: number
}

/** Failure of a request or of a call, or of the whole group when both are null. All ranks abandon a failed call. */
export interface GroupFailed {
  readonly type: 'group-failed'
  readonly request: number | null
  readonly call: number | null
  readonly code: string
  readonly message: string
  /** Whether a repetition would fail again. */
  readonly definite: boolean
}

/** Member → member, as the first message of a channel: the sender's rank in a group. */
export interface MeetGroup {
  readonly type: 'group-meet'
  readonly group: string
  readonly rank: number
}

/** Leader → member: compute these rows through all blocks. Payload: float32 `[rows, hiddenSize]`. */
export interface GroupCall {
  readonly type: 'group-call'
  /** Counts up within a group. */
  readonly call: number
  readonly session: number
  readonly position: number
  readonly rows: number
}

/** Rank → rank: part of a sum. Payload: float32 values. */
export interface GroupPart {
  readonly type: 'group-part'
  readonly call: number
  /** Counts up within a call. */
  readonly sum: number
  readonly kind: 'partial' | 'total'
  /** Index of the piece of the rows that the values belong to. */
  readonly chunk: number
}

/** Leader → member: load the part of the head for tokens `[start, end)`. Answered by `group-done` or `group-failed`. */
export interface LoadGroupHead {
  readonly type: 'group-head-load'
  readonly request: number
  readonly start: number
  readonly end: number
}

/** Leader → member: compute the logits of these rows. Payload: float32 `[rows, hiddenSize]`. Answered by `group-logits` or `group-failed`. */
export interface AskGroupHead {
  readonly type: 'group-head'
  readonly request: number
}

/** Member → leader: the logits for the tokens of the member's part. Payload: float32 `[rows, end - start]`. */
export interface GroupLogits {
  readonly type: 'group-logits'
  readonly request: number
}

export type GroupMessage =
  | LoadGroupHead
  | AskGroupHead
  | GroupLogits
  | FormGroup
  | ConnectGroup
  | OpenGroupSession
  | TruncateGroupSession
  | CloseGroupSession
  | GroupDone
  | GroupFailed
  | MeetGroup
  | GroupCall
  | GroupPart
  | OfferLane
  | UseLanes
  | GroupEcho
