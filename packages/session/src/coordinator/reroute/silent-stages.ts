import { type Clock, type Logger, messageOf, ShoalError, orAborted } from '@shoal/host'
import type { Transport } from '@shoal/network'
import type { Route } from '../../route/types.ts'

/**
 * Pings stages and returns those that do not answer within `timeoutMs`, in order. A passed deadline shows that some
 * stage hangs; the pings show which one, since a stopped process keeps its connections open and answers nothing.
 */
export async function findSilent(
  dependencies: { readonly transport: Transport; readonly clock: Clock; readonly logger: Logger },
  route: Route,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Route> {
  const { transport, clock, logger } = dependencies
  const timeout = new AbortController()
  const timer = clock.after(timeoutMs, () =>
    timeout.abort(new ShoalError('deadline-passed', `no answer to a ping within ${timeoutMs} ms`)),
  )
  const either = AbortSignal.any([timeout.signal, signal])
  const alive = await Promise.all(
    route.map(async ({ peer }) => {
      if (peer === transport.peerId) return true
      try {
        await orAborted(transport.ping(peer, { signal: either }), either)
        return true
      } catch (error) {
        logger.debug('stage-silent', { peer, reason: messageOf(error) })
        return false
      }
    }),
  )
  timer.cancel()
  return route.filter((_, index) => alive[index] === false)
}
