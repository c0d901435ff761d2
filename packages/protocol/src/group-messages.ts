/**
 * Messages between the ranks of a tensor-parallel group (docs/tensor-parallel.md). The leader opens a channel to each
 * member and forms the group; members open channels among themselves.
 */

/** Leader → member: load this share of these blocks. Answered by `group-done` with the member's numeric class, or `group-failed`. */
export interface FormGroup {
  readonly type: 'group-form'
  readonly request: number
  readonly group: string
  readonly manifest: string
  readonly profile: string
  readonly start: number
  readonly end: number
  /** Of the member that is asked; the leader is rank 0. */
  readonly rank: number
  /** By rank, as `BlockSplit`. */
  readonly heads: readonly number[]
  readonly columns: readonly number[]
  /** How sums of at most so many bytes are made, by rising bytes; the last one is for all that is longer. */
  readonly sums: readonly { readonly bytes: number; readonly algorithm: 'star' | 'gather' | 'ring' }[]
  /** By rank. */
  readonly peers: readonly { readonly peer: string; readonly addresses: readonly string[] }[]
}

/** Leader → member, once all have loaded: open a channel to every rank above yours. Answered by `group-done`. */
export interface ConnectGroup {
  readonly type: 'group-connect'
  readonly request: number
}

/** Leader → member: make room for a session. Answered by `group-done` or `group-failed`. */
export interface OpenGroupSession {
  readonly type: 'group-open'
  readonly request: number
  /** The leader's number for it. */
  readonly session: number
  readonly tokenBudget: number
  readonly start: number
  readonly end: number
}

export interface TruncateGroupSession {
  readonly type: 'group-truncate'
  readonly session: number
  readonly length: number
}

export interface CloseGroupSession {
  readonly type: 'group-close'
  readonly session: number
}

export interface GroupDone {
  readonly type: 'group-done'
  readonly request: number
  /** In answer to `group-form`. */
  readonly numericClass: string | null
  /** In answer to `group-connect`: there is a lane to every rank above. */
  readonly lanes?: boolean
}

/**
 * Rank → each rank below it, once their channel is open: where its computing thread listens for that one, with what;
 * or, without `offer`, that it does not. A lane carries `group-part` from thread to thread, and nothing else.
 */
export interface OfferLane {
  readonly type: 'group-lane'
  readonly offer: { readonly port: number; readonly identity: string; readonly key: Uint8Array } | null
}

/** Leader → member, before any call: there are lanes between all ranks, parts of sums go through them. */
export interface UseLanes {
  readonly type: 'group-lanes'
}

/**
 * Future leader → rank, on a channel of its own: send this back. How long it takes, empty and with a payload of float32,
 * says what sums cost.
 */
export interface GroupEcho {
  readonly type: 'group-echo'
  readonly request: number
}

/** About a request, or about a call: then every rank gives it up. */
export interface GroupFailed {
  readonly type: 'group-failed'
  readonly request: number | null
  readonly call: number | null
  readonly code: string
  readonly message: string
  readonly definite: boolean
}

/** Member → member, the first message of a channel: who I am in which group. */
export interface MeetGroup {
  readonly type: 'group-meet'
  readonly group: string
  readonly rank: number
}

/** Leader → member: compute these rows. Payload: float32 `[rows, hiddenSize]`. */
export interface GroupCall {
  readonly type: 'group-call'
  /** Counts up within a group. */
  readonly call: number
  readonly session: number
  readonly position: number
  readonly rows: number
}

/** Rank → rank: part of a sum. Payload: float32. */
export interface GroupPart {
  readonly type: 'group-part'
  readonly call: number
  /** Counts up within a call. */
  readonly sum: number
  readonly kind: 'partial' | 'total'
  readonly chunk: number
}

/** Leader → member: load the part of the head that gives the logits of tokens `[start, end)`. Answered by `group-done` or `group-failed`. */
export interface LoadGroupHead {
  readonly type: 'group-head-load'
  readonly request: number
  readonly start: number
  readonly end: number
}

/** Leader → member: the logits of these rows. Payload: float32 `[rows, hiddenSize]`. Answered by `group-logits` or `group-failed`. */
export interface AskGroupHead {
  readonly type: 'group-head'
  readonly request: number
}

/** Member → leader. Payload: float32 `[rows, end - start]`. */
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
