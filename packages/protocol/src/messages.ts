/**
 * The messages of each protocol, as values. `docs/protocol.md` is the page to read first; `encode*` and `decode*`
 * (pure) turn them into frames and back, and golden bytes pin them.
 *
 * Unknown fields are ignored, unknown message types are refused. A number is a safe non-negative integer unless said
 * otherwise.
 */
import type {
  HandedOver,
  HandOver,
  KeyValues,
  KeyValuesEnd,
  LetGo,
  StageLeaving,
} from './hand-over-messages.ts'

/** The version all protocol ids of this release carry. */
export const protocolVersion = 1

export const protocols = {
  /** Stays the same for ever: who are you, which version, which swarm. */
  hello: '/shoal/hello',
  session: `/shoal/session/${protocolVersion}`,
  members: `/shoal/members/${protocolVersion}`,
  blobs: `/shoal/blobs/${protocolVersion}`,
  group: `/shoal/group/${protocolVersion}`,
  direct: `/shoal/direct/${protocolVersion}`,
} as const

// ---------------------------------------------------------------- hello

/** First and only frame each way on a hello channel. */
export interface Hello {
  readonly type: 'hello'
  readonly version: number
  /** Software and version, for people: `shoal/0.1.0`. */
  readonly agent: string
  readonly role: 'node' | 'client'
  /** Manifest id of the swarm this peer is in; null for one that wants to learn it. */
  readonly manifest: string | null
  /** Short name of the numeric profile (`int4:32`), for a sentence that names both. */
  readonly profile: string | null
  /** The model's name, for people. */
  readonly model: string | null
  /** Bytes of weights that other peers have given it, for people; told to peers of its swarm only. */
  readonly fetchedBytes?: number
}

export interface Refused {
  readonly type: 'refused'
  readonly code: string
  readonly message: string
  readonly definite: boolean
}

// ---------------------------------------------------------------- session

/** Where a stage sends its output. */
export interface NextHop {
  readonly peer: string
  readonly addresses: readonly string[]
  /** True when `peer` is the coordinator, so output goes out as `result`. */
  readonly coordinator: boolean
}

/** Coordinator → stage: make room. Answered by `opened` or `failed`. */
export interface OpenSession {
  readonly type: 'open'
  readonly session: string
  readonly manifest: string
  readonly profile: string
  readonly start: number
  readonly end: number
  readonly epoch: number
  /** Most positions this session will have: KV and journal are reserved for it. */
  readonly tokenBudget: number
  readonly wire: 'f32'
  /** The only peer whose steps this stage takes: the coordinator for the first stage, else the stage before. */
  readonly previous: string
  readonly next: NextHop
  /** The peer that will send the session's keys and values, and the only one that may; nobody when absent. */
  readonly restore?: string
}

export interface SessionOpened {
  readonly type: 'opened'
  readonly session: string
  /** First block of the stage that answers: a peer may hold two spans of one route. */
  readonly start: number
  readonly epoch: number
  readonly numericClass: string
  /** Of the group that the stage is; absent for a peer alone. */
  readonly ranks?: number
  /** Incarnation of the answering node: a route must never use a dead one. */
  readonly incarnation: number
  /** Positions that the stage has in KV and journal: 0 in a new session, what it kept in one that was given new neighbours. */
  readonly length: number
  /** Highest step that it took; null before the first. */
  readonly lastStep: number | null
  /** First position whose output it can send again; 0 when absent. What it was handed over it may have no outputs of. */
  readonly journalFrom?: number
}

/**
 * Hidden states for one step: coordinator → first stage, stage → next stage.
 * Payload: float32 little-endian `[rows, hiddenSize]`.
 */
export interface Step {
  readonly type: 'step'
  readonly session: string
  /** The block these rows are the input of: the first block of the receiving stage (a peer may hold two spans of one route). */
  readonly start: number
  readonly epoch: number
  /** Of the first row. */
  readonly position: number
  readonly rows: number
  /** Counts up within a session; a repeated one is answered from the journal. */
  readonly step: number
  /** The stage may forget positions from `position` on before it appends. */
  readonly rewind: boolean
  /** Rows of the last stage's output that the coordinator wants back. */
  readonly want: 'none' | 'last' | 'all'
}

/** Last stage → coordinator. Payload: float32 `[rows, hiddenSize]`; `rows` is 0, 1 or the step's, as it wanted. */
export interface StepResult {
  readonly type: 'result'
  readonly session: string
  readonly epoch: number
  readonly position: number
  readonly rows: number
  readonly step: number
}

/** Stage → coordinator: this session, or this step of it, cannot go on. */
export interface SessionFailed {
  readonly type: 'failed'
  readonly session: string
  /** First block of the stage that this is about. */
  readonly start: number
  readonly epoch: number
  readonly step: number | null
  readonly code: string
  readonly message: string
  readonly definite: boolean
}

/** Coordinator → stage: free it. Also cancels steps that are queued. No answer. */
export interface CloseSession {
  readonly type: 'close'
  readonly session: string
  /** First block of the one stage to free; null for every stage that the session has at this peer. */
  readonly start: number | null
}

/** Coordinator → stage: I am alive; renews the lease of all my sessions at this stage. */
export interface KeepAlive {
  readonly type: 'keep-alive'
}

/**
 * Coordinator → stage, after every stage of a repaired route has answered `opened`: go on, from here. A stage opened
 * with an epoch above 0 takes no step before it. Answered by what it makes the stage push.
 */
export interface Replay {
  readonly type: 'replay'
  readonly session: string
  readonly start: number
  readonly epoch: number
  /** Rows that are right: what the stage has beyond them, a rewind has undone that it never heard of. */
  readonly length: number
  /** First row that the next hop lacks. What the stage has from there on it pushes again; rows before it never leave. */
  readonly from: number
  /** No step below this position is waited for: such steps may be joined into chunks. */
  readonly settled: number
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
  | StageLeaving
  | HandOver
  | HandedOver
  | LetGo
  | KeyValues
  | KeyValuesEnd

// ---------------------------------------------------------------- members

/** yjs sync step 1: my state vector. Answered with `update`. */
export interface MembersState {
  readonly type: 'state'
  /** Name of the document: the manifest's id and the rotation epoch. */
  readonly document: string
  readonly stateVector: Uint8Array
}

/** A yjs update, whole or incremental. */
export interface MembersUpdate {
  readonly type: 'update'
  readonly document: string
  readonly update: Uint8Array
}

/** A signed sign of life, flooded; `body` is deterministic CBOR of {@link BeatBody}. */
export interface Beat {
  readonly type: 'beat'
  readonly peer: string
  readonly body: Uint8Array
  readonly signature: Uint8Array
}

export interface BeatBody {
  readonly incarnation: number
  /** Counts up within an incarnation. */
  readonly beat: number
  /** Open sessions. */
  readonly sessions: number
  /** Share of the last interval spent computing, in thousandths. */
  readonly busyPermille: number
}

export type MembersMessage = MembersState | MembersUpdate | Beat

// ---------------------------------------------------------------- blobs

/** Ask for the manifest (canonical bytes), or for bytes of an asset or a packed tensor by its sha256. */
export interface BlobRequest {
  readonly type: 'get'
  /** Chosen by the asker; answers repeat it, so that several may be under way. */
  readonly request: number
  /** `manifest`, or a lower-case hex sha256 from it. */
  readonly blob: string
  readonly offset: number
  readonly length: number
}

/** Payload: the bytes. `total` is the blob's whole size. */
export interface BlobChunk {
  readonly type: 'chunk'
  readonly request: number
  readonly offset: number
  readonly total: number
}

export interface BlobRefused {
  readonly type: 'no-blob'
  readonly request: number
  readonly code: string
  readonly message: string
}

export type BlobMessage = BlobRequest | BlobChunk | BlobRefused
