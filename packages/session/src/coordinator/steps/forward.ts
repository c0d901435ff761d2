import { orAborted, throwIfAborted } from '@shoal/host'
import { joinRows } from '../../route/hidden-states.ts'
import { maxRowsPerStep } from '../../route/route-rules.ts'
import type { HiddenSession } from '../../route/types.ts'
import type { ActiveRoute } from '../active-route.ts'
import type { Rerouter } from '../reroute/rerouter.ts'
import type { RouteSessionOptions } from '../route-session-options.ts'
import type { SessionLife } from '../session-life.ts'
import { checkForward } from './forward-rules.ts'
import type { PendingSteps } from './pending-steps.ts'
import { sendRows } from './send-rows.ts'

/**
 * Creates the `forward` of a session. A call becomes one step, or several when it has more rows than one step may have.
 */
export function createForward(
  { session, hiddenSize, tokenBudget }: RouteSessionOptions,
  parts: {
    readonly life: SessionLife
    readonly route: ActiveRoute
    readonly pending: PendingSteps
    readonly rerouter: Rerouter
  },
): HiddenSession['forward'] {
  const { life, route, pending, rerouter } = parts
  const rowsMax = maxRowsPerStep(hiddenSize)

  return async (hidden, { want, position = route.sent.length, signal }) => {
    if (life.ended !== null) throw life.ended
    throwIfAborted(signal)
    const rows = checkForward(
      {
        hiddenSize,
        length: route.sent.length,
        pending: pending.before(position),
        pendingEnd: pending.endBefore(position),
        tokenBudget,
        rowsMax,
      },
      hidden,
      position,
    )
    const rewinds = route.rewinds(position)
    route.forget(position)
    pending.discard(position)
    const answers: Promise<Float32Array>[] = []
    for (let from = 0; from < rows; from += rowsMax) {
      const to = Math.min(rows, from + rowsMax)
      const step = route.append(
        hidden.subarray(from * hiddenSize, to * hiddenSize),
        want === 'last' && to < rows ? 'none' : want,
      )
      answers.push(pending.add(step))
      // While another version of the route is being opened, the step stays in the journal, and that version's replay
      // sends it.
      if (!route.paused)
        sendRows(route, session, step, rewinds && from === 0).catch((error: unknown) =>
          rerouter.failed(error),
        )
    }
    return joinRows(await orAborted(Promise.all(answers), signal))
  }
}
