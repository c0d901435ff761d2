/** Messages of `/shoal/session` by which a stage that leaves gives a session to others: docs/failover.md, Drain. */

/** Stage → coordinator: these blocks are given up as soon as another peer has the session; until then they are served. */
export interface StageLeaving {
  readonly type: 'leaving'
  readonly session: string
  readonly start: number
}

/** A stage that has made room for keys and values (`open` with `restore`), for a part of the blocks or all. */
export interface Successor {
  readonly peer: string
  readonly addresses: readonly string[]
  readonly start: number
  readonly end: number
}

/**
 * Coordinator → leaving stage: send the session's keys and values to these, and go on serving. Answered by `handed-over`,
 * or by `failed` with this epoch. An empty list takes it back.
 */
export interface HandOver {
  readonly type: 'hand-over'
  readonly session: string
  readonly start: number
  /** With which the successors were opened. */
  readonly epoch: number
  readonly to: readonly Successor[]
}

/** Leaving stage → coordinator: but for the last few, all positions have left. */
export interface HandedOver {
  readonly type: 'handed-over'
  readonly session: string
  readonly start: number
  /** Of the `hand-over`. */
  readonly epoch: number
  /** Positions that have left. */
  readonly length: number
}

/** Coordinator → leaving stage: compute no more, send the rest and the end. Its successors answer `open` once they have all. */
export interface LetGo {
  readonly type: 'let-go'
  readonly session: string
  readonly start: number
  /** Of the new route. */
  readonly epoch: number
}

/**
 * Leaving stage → successor. Payload, float32 little-endian: per block keys then values, each
 * `[keyValueHeads, rows, headSize]`; then, with `journal`, the outputs `[rows, hiddenSize]`.
 */
export interface KeyValues {
  readonly type: 'key-values'
  readonly session: string
  /** First block of the successor's stage. */
  readonly start: number
  /** With which the successor was opened. */
  readonly epoch: number
  /** Of the first row; positions from here on that came before are replaced. */
  readonly position: number
  readonly rows: number
  readonly journal: boolean
}

/** Leaving stage → successor: that was all. Payload: the steps of the outputs sent, as `encodeSteps` makes it; empty without them. */
export interface KeyValuesEnd {
  readonly type: 'key-values-end'
  readonly session: string
  readonly start: number
  readonly epoch: number
  readonly length: number
  readonly lastStep: number | null
  /** Over all payloads of `key-values` in their order. */
  readonly checksum: string
}
