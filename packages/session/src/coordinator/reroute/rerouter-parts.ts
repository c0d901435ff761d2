import type { ActiveRoute } from '../active-route.ts'
import type { SessionLife } from '../session-life.ts'
import type { PendingSteps } from '../steps/pending-steps.ts'
import type { LeavingStages } from './moving/leaving-stages.ts'
import type { Transfers } from './moving/transfers.ts'

/** Parts of the session that a rerouter uses and does not own. */
export interface RerouterParts {
  readonly life: SessionLife
  readonly route: ActiveRoute
  readonly pending: PendingSteps
  readonly transfers: Transfers
  readonly leaving: LeavingStages
}
