import { messageOf, type Logger } from '@shoal/host'
import type { Membership } from '@shoal/membership'
import type { Provider, Transport } from '@shoal/network'
import { swarmLimits } from '../limits.ts'

export interface IslandDependencies {
  readonly transport: Pick<Transport, 'learn'>
  readonly membership: Pick<Membership, 'members'>
  readonly logger: Logger
  /** Says hello to a peer that the directory lists for this swarm, so that membership connects to it. */
  readonly greet: (peer: string, signal: AbortSignal) => Promise<void>
}

/**
 * Greets nodes of this manifest that are not members here. They form an island: a part of the swarm without connections to
 * this one. One greeted node merges two islands. A node that does not answer is skipped.
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
