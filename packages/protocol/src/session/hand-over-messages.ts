/** Messages of `/shoal/session` by which a leaving stage hands a session over to its successors (docs/failover.md, Drain). */

/** Stage → coordinator: the stage is leaving. It serves its blocks until another peer has taken over the session. */
export interface StageLeaving {
  readonly type: 'leaving'
  readonly session: string
  readonly start: number
}

/** A stage that was opened with `restore`, for some of the leaving stage's blocks or all of them. */
export interface Successor {
  readonly peer: string
  readonly addresses: readonly string[]
  readonly start: number
  readonly end: number
}

/**
 * Coordinator → leaving stage: send the session's keys and values to these successors and continue serving. Answered by
 * `handed-over`, or by `failed` with this epoch. An empty list cancels the hand-over.
 */
export interface HandOver {
  readonly type: 'hand-over'
  readonly session: string
  readonly start: number
  /** Epoch with which the successors were opened. */
  readonly epoch: number
  readonly to: readonly Successor[]
}

/** Leaving stage → coordinator: all positions but the last few have been sent. */
export interface HandedOver {
  readonly type: 'handed-over'
  readonly session: string
  readonly start: number
  /** Epoch of the `hand-over`. */
  readonly epoch: number
  /** Number of positions that have been sent. */
  readonly length: number
}

/**
 * Coordinator → leaving stage: stop computing, and send the remaining positions and `key-values-end`. The successors answer
 * `open` once they have everything.
 */
export interface LetGo {
  readonly type: 'let-go'
  readonly session: string
  readonly start: number
  /** Epoch of the new route. */
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
  /** Epoch with which the successor was opened. */
  readonly epoch: number
  /** Position of the first row. Rows that were sent earlier from here on are replaced. */
  readonly position: number
  readonly rows: number
  /** Whether the payload ends with outputs. */
  readonly journal: boolean
}

/** Leaving stage → successor: everything has been sent. Payload: the steps of the sent outputs (`encodeSteps`), empty without outputs. */
export interface KeyValuesEnd {
  readonly type: 'key-values-end'
  readonly session: string
  readonly start: number
  readonly epoch: number
  readonly length: number
  readonly lastStep: number | null
  /** Checksum over all payloads of `key-values` in their order. */
  readonly checksum: string
}
