import type { SessionTimes } from '../route/limits.ts'
import type { Route, RouteStage } from '../route/types.ts'
import { requestsFor } from './opening/open-requests.ts'
import type { OpenRequest } from './opening/opening-stages.ts'
import type { OthersServe } from './opening/others-serve.ts'
import type { RouteSessionOptions } from './route-session-options.ts'
import type { CoordinatorDependencies, CoordinatorLinks } from './stage-links.ts'

/** What all parts of one session at its coordinator share. No part changes it. */
export interface SessionContext extends CoordinatorDependencies {
  readonly links: CoordinatorLinks
  readonly times: SessionTimes
  readonly options: RouteSessionOptions
  readonly othersServe: OthersServe
}

/**
 * The `open` message for each stage of a route.
 * @param open stages that have the session already
 */
export function openRequests(
  { options, transport }: SessionContext,
  route: Route,
  epoch: number,
  open: ReadonlySet<RouteStage> = new Set(),
): OpenRequest[] {
  return requestsFor({ ...options, route }, transport.peerId, transport.addresses(), epoch, open)
}
