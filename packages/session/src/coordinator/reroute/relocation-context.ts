import type { Clock, Logger } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import type { CoordinatorLinks } from '../stage-links.ts'
import type { SessionTimes } from '../../route/limits.ts'
import type { OpenRequest, OpenStage } from '../opening/opening-stages.ts'
import type { StageError } from '../../route/stage-error.ts'
import type { Route } from '../../route/types.ts'

/** What a session at its coordinator lets a relocation know and do. */
export interface RelocationContext {
  readonly session: string
  readonly clock: Clock
  readonly logger: Logger
  readonly links: CoordinatorLinks
  readonly times: SessionTimes
  /** Ends with the session. */
  readonly signal: AbortSignal
  stages(): readonly OpenStage[]
  /** Stages for these blocks, without these peers; null when nobody may be asked, and everything stays. @throws {ShoalError} `no-route` */
  readonly find: ((range: BlockRange, exclude: ReadonlySet<string>) => Promise<Route>) | null
  /** One that nothing has had yet. */
  nextEpoch(): number
  requests(route: Route, epoch: number): readonly OpenRequest[]
  /** Opens the route anew, with the move that is due: at once, or after the repair that is under way. */
  reroute(): void
  findSilent(stages: Route, signal: AbortSignal): Promise<Route>
  stageLost(error: StageError): void
  /** Steps that are under way. */
  stepsUnderWay(): number
  /** Whether the route is being opened anew. */
  busy(): boolean
  /** Ends the opening of a move that has begun. */
  abort(error: Error): void
}
