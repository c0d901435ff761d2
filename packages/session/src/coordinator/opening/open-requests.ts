import type { OpenRequest } from './opening-stages.ts'
import type { RouteSessionOptions } from '../route-session-options.ts'
import type { RouteStage } from '../../route/types.ts'

/**
 * The `open` message for each stage of a route. It names the peer before the stage and the next hop, which for the last
 * stage is the coordinator.
 * @param open stages that have the session already
 */
export function requestsFor(
  options: RouteSessionOptions,
  self: string,
  selfAddresses: readonly string[],
  epoch: number,
  open: ReadonlySet<RouteStage>,
): OpenRequest[] {
  const { session, manifestId, profile, route, tokenBudget, receipts = false, prefix, hiddenSize } = options
  const { wire = 'f32' } = options
  return route.map((stage, index) => {
    const next = route[index + 1]
    return {
      stage,
      fresh: !open.has(stage),
      message: {
        type: 'open',
        session,
        manifest: manifestId,
        profile,
        start: stage.range.start,
        end: stage.range.end,
        epoch,
        tokenBudget,
        wire,
        previous: route[index - 1]?.peer ?? self,
        next:
          next === undefined
            ? { peer: self, addresses: selfAddresses, coordinator: true }
            : { peer: next.peer, addresses: next.addresses, coordinator: false },
        // A stage that is opened later gets its rows from the one before it.
        ...(prefix !== undefined &&
          epoch === 0 && { prefix: { session: prefix.session, length: prefix.rows.length / hiddenSize } }),
        ...(receipts && { receipts: true as const }),
      },
    }
  })
}
