import { ShoalError, timeLimit, type Clock } from '@shoal/host'
import type { Transport } from '@shoal/network'
import type { ExchangeCosts } from '../collectives/cost-model.ts'
import { orAborted } from '../cancel.ts'
import { RankError, type GroupPeer } from './formation.ts'
import { groupTimes } from './limits.ts'

/** The least of several counts: what is above it was waiting. */
const pingsPerPeer = 5

/** One side's work for a byte: noise encrypts about 125 MB/s on one core (docs/network.md). A slower link is not seen here. */
const msPerByte = 8e-6

/** Round trips to the members, the slowest counts: a sum waits for all. @throws {RankError} which one does not answer */
export async function measureLinks({ transport, clock }: { readonly transport: Transport; readonly clock: Clock }, members: readonly GroupPeer[], signal: AbortSignal): Promise<ExchangeCosts> {
  const limit = timeLimit(clock, groupTimes.connectTimeoutMs, () => new ShoalError('deadline-passed', `no ping within ${groupTimes.connectTimeoutMs} ms`), signal)
  try {
    let roundTripMs = 0
    for (const [index, { peer, addresses }] of members.entries()) {
      transport.learn(peer, addresses)
      const pings: number[] = []
      for (let count = 0; count < pingsPerPeer; count += 1) pings.push(await transport.ping(peer, { signal: limit.signal }).catch((error: unknown) => Promise.reject(new RankError(index + 1, error))))
      roundTripMs = Math.max(roundTripMs, Math.min(...pings))
    }
    return { roundTripMs, msPerByte, parallel: members.length + 1 }
  } finally {
    limit.clear()
  }
}

/** Which of the peers do not answer a ping in time: a stopped process keeps its connections open and answers nothing. */
export async function silentPeers({ transport, clock }: { readonly transport: Transport; readonly clock: Clock }, peers: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>> {
  const limit = timeLimit(clock, groupTimes.suspectPingMs, () => new ShoalError('deadline-passed', `no ping within ${groupTimes.suspectPingMs} ms`), signal)
  const silent = new Set<string>()
  await Promise.all(
    peers.map(async (peer) => {
      try {
        await orAborted(transport.ping(peer, { signal: limit.signal }), limit.signal)
      } catch {
        // Whatever kept it from answering is why it is silent.
        silent.add(peer)
      }
    }),
  )
  limit.clear()
  return silent
}
