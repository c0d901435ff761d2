import type { BlockRange } from '@shoal/model'
import type { WireFormat } from '@shoal/protocol'
import type { StageError } from '../route/stage-error.ts'
import type { Route, RouteFinder } from '../route/types.ts'

/** The first rows of a session, which it has in common with an earlier one. */
export interface RoutePrefix {
  /** The earlier session, of the same coordinator; it may still be open. */
  readonly session: string
  /** What enters the first block: float32 `[rows, hiddenSize]`, fewer rows than the token budget. */
  readonly rows: Float32Array
}

export interface RouteSessionOptions {
  /** Unique and not guessable: 16 random bytes in hexadecimal. */
  readonly session: string
  readonly manifestId: string
  /** Short name of the numeric profile, as `formatProfile` prints it. */
  readonly profile: string
  readonly hiddenSize: number
  /** Blocks that the route must cover. */
  readonly range: BlockRange
  readonly route: Route
  /** Finds stages for those that are lost; without it a lost stage ends the session. */
  readonly routes?: RouteFinder
  /** Called for each stage that is lost, before it is replaced. */
  readonly onStageLost?: (error: StageError) => void
  /** A session that only tries a stage out: the log names it so, and not as the session of an answer. */
  readonly isTrial?: boolean
  /** Called with the route in use when the first step along it was answered. */
  readonly onServed?: (route: Route) => void
  /** Most positions this session will have. */
  readonly tokenBudget: number
  /**
   * How long the opening may wait, over all stages, for memory that other sessions will free. When absent, a stage
   * without room refuses at once.
   */
  readonly waitForRoomMs?: number
  /** An earlier session that begins with the same rows; stages that still have them need not compute them again. */
  readonly prefix?: RoutePrefix
  /** Whether stages keep the session's rows when it is closed, for others that begin with them. */
  readonly keep?: boolean
  /** Whether stages sign receipts, which the coordinator's `onReceipt` gets. */
  readonly receipts?: boolean
  /** How hidden states travel; unchanged, as float32, when absent. */
  readonly wire?: WireFormat | undefined
  /** When this signal aborts, the session ends, also while it is being opened. */
  readonly signal?: AbortSignal
}
