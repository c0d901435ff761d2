import { every, messageOf, type Clock, type Logger } from '@shoal/host'
import type { Announcement, Member, Membership } from '@shoal/membership'
import {
  announcedAddresses,
  bridgeAddresses,
  networkLimits,
  placeOfNetwork,
  type Reach,
  type Transport,
} from '@shoal/network'
import { swarmLimits } from '../limits.ts'
import type { Scope } from '../scope.ts'
import { chooseRelays, farther } from './choose-relays.ts'
import { PathUpgrades } from './upgrade-paths.ts'

export interface ReachDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly transport: Transport
  readonly membership: Pick<Membership, 'members' | 'announce'>
}

/** The addresses that this peer tells others. */
const toldAddresses = (transport: Pick<Transport, 'addresses'>): readonly string[] =>
  announcedAddresses(transport.addresses(), bridgeAddresses()).slice(0, networkLimits.maxAddresses)

/** What a node's record says when it begins: where it is reached, and what it relays for others. */
export const reachFields = (
  transport: Pick<Transport, 'addresses'>,
): Pick<Announcement, 'addresses' | 'relay'> => ({
  addresses: toldAddresses(transport),
  relay: { slots: networkLimits.relaySlots, bytesPerSecond: networkLimits.relayRateOfPeer.bytesPerSecond },
})

/**
 * Has slots at relays while other members could not dial this one, keeps the addresses in its record up to date, and
 * replaces relayed paths by direct ones.
 * The record has begun with `reachFields`.
 */
export function keepReachable(dependencies: ReachDependencies, scope: Scope): void {
  const { clock, logger, transport, membership } = dependencies
  let told = toldAddresses(transport).join()
  const upgrades = new PathUpgrades(clock, logger, transport)
  const turn = async (): Promise<void> => {
    // Not awaited: a dial that nobody answers must not delay a slot.
    void upgrades.turn(aliveOthers(dependencies).map(({ record }) => record))
    for (const relay of relaysToAsk(dependencies))
      try {
        await transport.reserve?.(relay)
        logger.info('relay-slot', { relay })
      } catch (error) {
        logger.debug('relay-refused', { relay, reason: messageOf(error) })
      }
    const addresses = toldAddresses(transport)
    if (addresses.join() === told) return
    told = addresses.join()
    await membership.announce({ addresses })
  }
  const timer = every(clock, swarmLimits.reachTurnMs, turn, (error) =>
    logger.warn('reach-failed', { reason: messageOf(error) }),
  )
  scope.onClose(() => timer.cancel())
}

const aliveOthers = ({ transport, membership }: ReachDependencies): readonly Member[] =>
  membership
    .members()
    .filter(({ record, liveness }) => record.peerId !== transport.peerId && liveness === 'alive')

function relaysToAsk(dependencies: ReachDependencies): readonly string[] {
  const { transport } = dependencies
  const connected = aliveOthers(dependencies).filter(
    ({ record }) => transport.path?.(record.peerId)?.kind === 'direct',
  )
  const farthest = connected.reduce<Reach>(
    (place, { record }) => farther(place, placeOfNetwork(transport.networkOf?.(record.peerId) ?? null)),
    'machine',
  )
  return chooseRelays(
    transport.addresses(),
    farthest,
    connected.map(({ record }) => ({ record, direct: true })),
  )
}
