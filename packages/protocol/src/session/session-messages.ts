/**
 * Messages of `/shoal/session`, as values; `docs/protocol.md` is the page to read first. `start` names a stage by its
 * first block, because one peer may hold two stages of a route.
 */
import type { WireFormat } from './wire-rows.ts'
import type {
  HandedOver,
  HandOver,
  KeyValues,
  KeyValuesEnd,
  LetGo,
  StageLeaving,
} from './hand-over-messages.ts'

/** Where a stage sends its output. */
export interface NextHop {
  readonly peer: string
  readonly addresses: readonly string[]
  /** True when `peer` is the coordinator, so output goes out as `result`. */
  readonly coordinator: boolean
}

/** Rows of an earlier session of the same coordinator with which a new one begins (docs/prefix-reuse.md). */
export interface SessionPrefix {
  /** The earlier session, which may still be open. */
  readonly session: string
  /** How many of its positions the new session has in common with it. */
  readonly length: number
}

/** Coordinator → stage: reserve memory for this session. Answered by `opened` or `failed`. */
export interface OpenSession {
  readonly type: 'open'
  readonly session: string
  readonly manifest: string
  readonly profile: string
  readonly start: number
  readonly end: number
  readonly epoch: number
  /** Most positions that the session will have; the stage reserves KV cache and journal for them. */
  readonly tokenBudget: number
  /** How the session's hidden states travel, in and out. */
  readonly wire: WireFormat
  /** The only peer whose steps the stage accepts: the coordinator for the first stage, else the stage before. */
  readonly previous: string
  readonly next: NextHop
  /** The only peer that may send the session's keys and values. Absent when the stage starts with an empty cache. */
  readonly restore?: string
  /** What the stage may take over from an earlier session. It answers with the `length` that it has of that. */
  readonly prefix?: SessionPrefix
  /**
   * How long, in milliseconds, the request may wait in the stage's queue for memory that open sessions will free. When
   * absent, a stage without room refuses at once.
   */
  readonly waitMs?: number
  /** Whether the coordinator wants the stage's receipts; absent when it does not. */
  readonly receipts?: true
}

export interface SessionOpened {
  readonly type: 'opened'
  readonly session: string
  /** First block of the stage that answers. */
  readonly start: number
  readonly epoch: number
  readonly numericClass: string
  /** How many ranks the group at this stage has; absent for a single peer. */
  readonly ranks?: number
  /** Incarnation of the answering node, so that a route never uses an earlier one. */
  readonly incarnation: number
  /**
   * Positions in the stage's KV cache and journal: 0 in a new session without a prefix, what it kept where it only got
   * new neighbours.
   */
  readonly length: number
  /** Number of the highest step that the stage took; null before the first. */
  readonly lastStep: number | null
  /** First position whose output the stage can send again. A cache that was handed over may come without outputs. Absent: 0. */
  readonly journalFrom?: number
}

/**
 * Hidden states for one step: coordinator → first stage, stage → next stage.
 * Payload: float32 little-endian `[rows, hiddenSize]`.
 */
export interface Step {
  readonly type: 'step'
  readonly session: string
  /** First block of the receiving stage, of which these rows are the input. */
  readonly start: number
  readonly epoch: number
  /** Position of the first row. */
  readonly position: number
  readonly rows: number
  /** Counts up within a session. The stage answers a repeated step from its journal. */
  readonly step: number
  /** Whether the stage may drop positions from `position` on before it appends these rows. */
  readonly rewind: boolean
  /** Which rows of the last stage's output the coordinator wants back. */
  readonly want: 'none' | 'last' | 'all'
}

/** Last stage → coordinator. Payload: float32 `[rows, hiddenSize]`; `rows` is 0, 1 or all of the step, as its `want` says. */
export interface StepResult {
  readonly type: 'result'
  readonly session: string
  readonly epoch: number
  readonly position: number
  readonly rows: number
  readonly step: number
}

/** Stage → coordinator: the session, or one step of it, has failed. */
export interface SessionFailed {
  readonly type: 'failed'
  readonly session: string
  /** First block of the stage that has failed. */
  readonly start: number
  readonly epoch: number
  /** Number of the step that has failed; null for the whole session. */
  readonly step: number | null
  readonly code: string
  readonly message: string
  /** Whether a repetition would fail again. */
  readonly definite: boolean
}

/** Coordinator → stage: free the session and cancel its queued steps. Not answered. */
export interface CloseSession {
  readonly type: 'close'
  readonly session: string
  /** First block of the stage to free; null for every stage that the session has at this peer. */
  readonly start: number | null
  /**
   * How many positions are right at every stage. The stage may keep them for later sessions of this coordinator that begin
   * with them, and its last receipt is for them. Absent when nothing is to be kept; then that receipt is for all rows.
   */
  readonly keep?: number
}

/** Coordinator → stage: renews the lease of all sessions that this coordinator has at the stage. */
export interface KeepAlive {
  readonly type: 'keep-alive'
}

/**
 * Coordinator → stage, once every stage of a repaired route has answered `opened`: continue the session from here. A stage
 * that was opened with an epoch above 0 takes no step before this message. It is answered by the rows that the stage sends
 * on.
 */
export interface Replay {
  readonly type: 'replay'
  readonly session: string
  readonly start: number
  readonly epoch: number
  /** Positions that are valid. The stage drops positions beyond them: a rewind undid them, which the stage did not hear of. */
  readonly length: number
  /** First position that the next hop lacks. The stage sends its outputs from there on again, and none before it. */
  readonly from: number
  /** The coordinator awaits no step below this position, so such steps may be joined into chunks. */
  readonly settled: number
}

/**
 * Stage → coordinator, and stage → next stage: a sealed receipt for the rows so far (`receipts/receipt.ts`). Between
 * stages it travels behind the rows that it covers. Not answered.
 */
export interface SessionReceipt {
  readonly type: 'receipt'
  readonly session: string
  /** First block of the stage that receives it; of the one that signed it, when the coordinator receives it. */
  readonly start: number
  readonly epoch: number
  readonly receipt: Uint8Array
}

export type SessionMessage =
  | OpenSession
  | SessionOpened
  | Step
  | StepResult
  | SessionFailed
  | CloseSession
  | KeepAlive
  | Replay
  | SessionReceipt
  | StageLeaving
  | HandOver
  | HandedOver
  | LetGo
  | KeyValues
  | KeyValuesEnd
