import type { Clock } from '@shoal/host'
import type { Membership } from '@shoal/membership'
import { formatProfile } from '@shoal/model'
import { manifestTopic } from '../directory/topics.ts'
import { agent } from '../joining/ask-peer.ts'
import { sayHello, type HelloSelf } from '../joining/hello.ts'
import type { JoinedModel } from '../joining/join-model.ts'
import { swarmLimits } from '../limits.ts'
import type { SwarmStatus } from '../types.ts'

/** Figures of a status that no record has: they are asked for when somebody wants to see them. */
export interface StatusFigures {
  /** Counts the nodes of this swarm that the directory names, for `status()`. */
  searchDirectory(signal: AbortSignal): Promise<void>
  /** Asks live members what they have fetched, for `status()`; those that do not answer within `signal` stay without a figure. */
  askMembers(signal: AbortSignal): Promise<void>
  /** @returns the status with what is known of these figures */
  addTo(status: SwarmStatus): SwarmStatus
}

export function createStatusFigures(
  { transport, directory, manifest }: Pick<JoinedModel, 'transport' | 'directory' | 'manifest'>,
  membership: Pick<Membership, 'members'>,
  clock: Clock,
): StatusFigures {
  let providers: number | null = null
  const fetched = new Map<string, number>()
  const self: HelloSelf = {
    agent,
    role: 'client',
    manifest: manifest.id,
    profile: formatProfile(manifest.manifest.profile),
    model: manifest.manifest.name,
  }
  return {
    async searchDirectory(signal) {
      await directory.whenReady(signal)
      providers = 0
      for await (const _ of directory.providers(manifestTopic(manifest.id), { signal })) providers += 1
    },
    async askMembers(signal) {
      const alive = membership.members().filter(({ liveness }) => liveness === 'alive')
      await Promise.allSettled(
        alive.slice(0, swarmLimits.statusAsks).map(async ({ record }) => {
          const { fetchedBytes } = await sayHello({ transport, clock }, record.peerId, self, signal)
          if (fetchedBytes !== undefined) fetched.set(record.peerId, fetchedBytes)
        }),
      )
    },
    addTo: (status) => ({
      ...status,
      peers: status.peers.map((peer) => ({
        ...peer,
        ...(fetched.has(peer.peer) && { fetchedBytes: fetched.get(peer.peer)! }),
      })),
      directory: { ...directory.stats(), providers },
    }),
  }
}
