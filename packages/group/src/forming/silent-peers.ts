import { orAborted, ShoalError, timeLimit, type Clock } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { groupTimes } from '../limits.ts'

/** The peers that do not answer a ping in time. A stopped process keeps its connections open but answers nothing. */
export async function silentPeers(
  { transport, clock }: { readonly transport: Transport; readonly clock: Clock },
  peers: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const limit = timeLimit(
    clock,
    groupTimes.suspectPingMs,
    () => new ShoalError('deadline-passed', `no answer to a ping within ${groupTimes.suspectPingMs} ms`),
    signal,
  )
  const silent = new Set<string>()
  await Promise.all(
    peers.map(async (peer) => {
      try {
        await orAborted(transport.ping(peer, { signal: limit.signal }), limit.signal)
      } catch {
        // Any error means that the peer did not answer.
        silent.add(peer)
      }
    }),
  )
  limit.clear()
  return silent
}
