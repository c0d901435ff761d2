import { messageOf, type Logger } from '@shoal/host'
import type { Membership } from '@shoal/membership'
import type { Provider, Transport } from '@shoal/network'
import { swarmLimits } from '../limits.ts'

export interface IslandDependencies {
  readonly transport: Pick<Transport, 'learn'>
  readonly membership: Pick<Membership, 'members'>
  readonly logger: Logger
  /** Says hello to a peer that is said to be of this swarm; membership takes over from there. */
  readonly greet: (peer: string, signal: AbortSignal) => Promise<void>
}

/**
 * Greets nodes of this manifest that are not members here: an island is another part of the swarm, or one that somebody else
 * began. One greeted node is enough to merge two islands. A node that does not answer is passed over.
 */
export async function greetIslands(
  { transport, membership, logger, greet }: IslandDependencies,
  providers: readonly Provider[],
  signal: AbortSignal,
): Promise<void> {
  const members = new Map(membership.members().map(({ record, liveness }) => [record.peerId, liveness]))
  const strange = providers.filter(({ peerId }) => (members.get(peerId) ?? 'unknown') === 'unknown')
  for (const { peerId, addresses } of strange.slice(0, swarmLimits.greetingsPerTurn)) {
    transport.learn(peerId, addresses)
    await greet(peerId, signal).then(
      () => logger.info('island-found', { peer: peerId }),
      (error: unknown) => logger.debug('provider-silent', { peer: peerId, reason: messageOf(error) }),
    )
  }
}
