import { freeMemory, ShoalError, silentLogger, timeLimit, type Clock } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { limits, protocols, type GroupEcho } from '@shoal/protocol'
import type { ExchangeCosts } from '../collectives/cost/cost-model.ts'
import { groupTimes } from '../limits.ts'
import { createRankLink, rankLost } from '../rank-link.ts'
import type { GroupPeer } from './formation.ts'
import { RankError } from './rank-error.ts'
import { createRequests } from './requests.ts'

/**
 * Most echoes of one size. The shortest round trip counts, because others also waited for a core, opened TCP windows or
 * ran code for the first time.
 */
const echoesOfSize = 16
/** After this time no further echo is sent: over a slow link those delays are a small part of the round trip. */
const enoughMs = 10

/** Least time per byte. Encryption is not faster, so a smaller figure shows that the clock is too coarse. */
const msPerByteMin = 1e-7

type Link = Omit<ExchangeCosts, 'parallel'>

/**
 * Measures what messages to the members cost, over channels like those of the group. The slowest member counts, because a
 * sum waits for all ranks. Links between members are assumed to be no worse than those to the leader.
 * @throws {RankError} the member that does not answer
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
    // Members are measured one after the other, so that they do not disturb each other.
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
      if (message.type !== 'group-echo') throw new ShoalError('bad-frame', `'${message.type}' is not an echo`)
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
    // The bytes travel there and back, and both ends work on them each time.
    return {
      roundTripMs,
      msPerByte: Math.max(msPerByteMin, (largeMs - roundTripMs) / (4 * limits.maxEchoBytes)),
    }
  } finally {
    link.close()
  }
}
