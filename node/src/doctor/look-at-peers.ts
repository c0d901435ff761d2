import { messageOf, ShoalError, sleep, timeLimit } from '@shoal/host'
import type { PeerStatus, SwarmStatus } from '@shoal/swarm'
import { threadsOf, type CommandContext } from '../cli/context.ts'
import { tellWait } from '../cli/open-engine.ts'
import { loadSwarm } from '../swarm-port.ts'

/** For records to arrive and for dials to the peers to end; a firewall that drops packets is noticed after some seconds. */
const lookMs = 10_000

/** Connects to the peers of a swarm as a client does. @returns what it has then seen of them */
export async function lookAtPeers(context: CommandContext, join: readonly string[]): Promise<SwarmStatus> {
  const { clock, signal, dataFolder, logger } = context
  const swarm = await loadSwarm()
  const options = {
    join: [...join],
    dataFolder,
    threads: threadsOf({}),
    onProgress: () => undefined,
    onWait: tellWait,
    signal,
  }
  const peer = await swarm.connectClient(context, options)
  const limit = timeLimit(clock, lookMs, () => new ShoalError('deadline-passed', 'time is up'), signal)
  try {
    await peer.whenKnown(limit.signal)
    for (let status = peer.status(); !status.peers.every(isSettled); status = peer.status())
      await sleep(clock, 200, limit.signal)
  } catch (error) {
    signal.throwIfAborted()
    logger.debug('peers-unknown', { reason: messageOf(error) })
  } finally {
    limit.clear()
  }
  try {
    return peer.status()
  } finally {
    await peer.close()
  }
}

/** Whether there is a connection, or nobody to connect to. */
const isSettled = ({ self, path, liveness, state }: PeerStatus): boolean =>
  self || path !== undefined || liveness === 'dead' || state === 'left'

/** What of a status is about ways. */
export const pathsIn = ({
  peers,
}: SwarmStatus): readonly Pick<PeerStatus, 'peer' | 'liveness' | 'addresses' | 'path' | 'tried'>[] =>
  peers
    .filter(({ self }) => !self)
    .map(({ peer, liveness, addresses, path, tried }) => ({
      peer,
      liveness,
      addresses,
      ...(path !== undefined && { path }),
      ...(tried !== undefined && { tried }),
    }))
