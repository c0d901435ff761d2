import { ShoalError, sleep, type Clock } from '@shoal/host'
import { swarmLimits } from '../../limits.ts'

/**
 * Fetches again for a while when nobody could give what is needed: a newcomer knows one member at first, which need not
 * be the one that holds its blocks, and a holder may be restarting.
 * @throws {ShoalError} `not-found` of the last try
 */
export async function retryWhileNobodyHas<Value>(
  clock: Clock,
  fetch: () => Promise<Value>,
  signal?: AbortSignal,
): Promise<Value> {
  const untilMs = clock.nowMs() + swarmLimits.weightsPatienceMs
  for (;;) {
    try {
      return await fetch()
    } catch (error) {
      if (!(error instanceof ShoalError) || error.code !== 'not-found' || clock.nowMs() >= untilMs)
        throw error
    }
    await sleep(clock, swarmLimits.weightsRetryMs, signal)
  }
}
