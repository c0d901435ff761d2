import { freeMemory, ShoalError, silentLogger, timeLimit, type Clock, orAborted } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { limits, protocols, type GroupEcho } from '@shoal/protocol'
import type { ExchangeCosts } from '../collectives/cost-model.ts'
import { RankError, type GroupPeer } from './formation.ts'
import { groupTimes } from '../limits.ts'
import { createRankLink, rankLost } from '../rank-link.ts'
import { createRequests } from './requests.ts'

/**
 * Echoes of one size: the least counts, what is above it was waiting, or opened windows, or ran code for the first time.
 * Over a slow link, where that is little of it, the first one is enough.
 */
const echoesOfSize = 16
const enoughMs = 10

/** Nothing that encrypts is faster; less is a clock that does not see the difference. */
const msPerByteMin = 1e-7

type Link = Omit<ExchangeCosts, 'parallel'>

/**
 * What messages to the members cost, over a channel like those of the group; the slowest counts: a sum waits for all.
 * Links between members are taken to be no worse than those to the leader.
 * @throws {RankError} which one does not answer
 */
export async function measureLinks(
  { transport, clock }: { readonly transport: Transport; readonly clock: Clock },
  members: readonly GroupPeer[],
  signal: AbortSignal,
): Promise<ExchangeCosts> {
  const limit = timeLimit(
    clock,
    groupTimes.connectTimeoutMs,
    () => new ShoalError('deadline-passed', `no echo within ${groupTimes.connectTimeoutMs} ms`),
    signal,
  )
  try {
    const links: Link[] = []
    // One after the other: they would measure each other.
    for (const [index, member] of members.entries()) {
      try {
        links.push(await measureLink(transport, clock, member, limit.signal))
      } catch (error) {
        throw new RankError(index + 1, error)
      }
    }
    return {
      roundTripMs: Math.max(0, ...links.map((link) => link.roundTripMs)),
      msPerByte: Math.max(0, ...links.map((link) => link.msPerByte)),
      parallel: members.length + 1,
    }
  } finally {
    limit.clear()
  }
}

async function measureLink(
  transport: Transport,
  clock: Clock,
  { peer, addresses }: GroupPeer,
  signal: AbortSignal,
): Promise<Link> {
  transport.learn(peer, addresses)
  const link = createRankLink(await transport.open(peer, protocols.group, { signal }), silentLogger)
  try {
    const echoes = createRequests<GroupEcho>(clock, peer)
    link.onClose((error) => echoes.close(rankLost(peer, error)))
    link.onMessage((message, values) => {
      if (message.type !== 'group-echo') throw new ShoalError('bad-frame', `'${message.type}' is no echo`)
      echoes.answer(message.request, message)
      freeMemory(values.buffer)
    })
    const echoMs = async (values?: Float32Array): Promise<number> => {
      const sentMs = clock.nowMs()
      await echoes.make(
        (request) => link.send({ type: 'group-echo', request }, values),
        groupTimes.connectTimeoutMs,
        signal,
      )
      return clock.nowMs() - sentMs
    }
    const leastMs = async (values?: Float32Array): Promise<number> => {
      const beganMs = clock.nowMs()
      let ms = await echoMs(values)
      for (let count = 1; count < echoesOfSize && clock.nowMs() - beganMs < enoughMs; count += 1)
        ms = Math.min(ms, await echoMs(values))
      return ms
    }
    const roundTripMs = await leastMs()
    const largeMs = await leastMs(new Float32Array(limits.maxEchoBytes / Float32Array.BYTES_PER_ELEMENT))
    // There and back, and at each end of both ways somebody works.
    return {
      roundTripMs,
      msPerByte: Math.max(msPerByteMin, (largeMs - roundTripMs) / (4 * limits.maxEchoBytes)),
    }
  } finally {
    link.close()
  }
}

/** Which of the peers do not answer a ping in time: a stopped process keeps its connections open and answers nothing. */
export async function silentPeers(
  { transport, clock }: { readonly transport: Transport; readonly clock: Clock },
  peers: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const limit = timeLimit(
    clock,
    groupTimes.suspectPingMs,
    () => new ShoalError('deadline-passed', `no ping within ${groupTimes.suspectPingMs} ms`),
    signal,
  )
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
