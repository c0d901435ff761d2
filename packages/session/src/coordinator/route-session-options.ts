import type { BlockRange } from '@shoal/model'
import type { StageError } from '../route/stage-error.ts'
import type { Route, RouteFinder } from '../route/types.ts'

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
  /** Whether stages sign receipts, which the coordinator's `onReceipt` gets. */
  readonly receipts?: boolean
  /** When this signal aborts, the session ends, also while it is being opened. */
  readonly signal?: AbortSignal
}
