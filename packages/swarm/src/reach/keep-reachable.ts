import { every, messageOf, type Clock, type Logger } from '@shoal/host'
import type { Announcement, Member, Membership } from '@shoal/membership'
import {
  announcedAddresses,
  bridgeAddresses,
  networkLimits,
  placeOfNetwork,
  placeToMap,
  type PortMapping,
  type Reach,
  type Transport,
} from '@shoal/network'
import { swarmLimits } from '../limits.ts'
import type { Scope } from '../scope.ts'
import { FasterPaths } from './faster/faster-paths.ts'
import { chooseRelays, farther } from './choose-relays.ts'
import { DialBacks } from './knocking/dial-back.ts'
import { leavingRelays } from './leave-relays.ts'
import { smallerBegins } from './punch-paths.ts'
import { serveDialBacks } from './knocking/serve-dial-backs.ts'

export interface ReachDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly transport: Transport
  readonly membership: Pick<Membership, 'members' | 'announce' | 'links'>
  /** Asks the router before this node to forward a port; null where that is not wanted. */
  readonly portMapping?: Pick<PortMapping, 'turn' | 'status'> | null
}

/** The addresses that this peer tells others. When members reach it at none of them, all are told. */
function toldAddresses(
  transport: Pick<Transport, 'addresses'>,
  believed: (addresses: readonly string[]) => readonly string[] = (addresses) => addresses,
): readonly string[] {
  const all = transport.addresses()
  const open = believed(all)
  return announcedAddresses(open.length > 0 ? open : all, bridgeAddresses()).slice(
    0,
    networkLimits.maxAddresses,
  )
}

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
  const replaceRelays = leavingRelays(clock, logger, transport, smallerBegins)
  const faster = new FasterPaths(clock, logger, transport)
  const dialBacks = new DialBacks(dependencies)
  const believed = (addresses: readonly string[]): readonly string[] => dialBacks.believed(addresses)
  const isMember = (peer: string): boolean =>
    membership.members().some(({ record }) => record.peerId === peer)
  serveDialBacks({ ...dependencies, isMember })
  const turn = async (): Promise<void> => {
    mapPort(dependencies)
    const others = aliveOthers(dependencies).map(({ record }) => record)
    // None is awaited: a dial that nobody answers must not delay a slot.
    void replaceRelays(others)
    void faster.turn(others, membership.links())
    void dialBacks.turn(
      transport.addresses(),
      others.map(({ peerId }) => peerId),
    )
    for (const relay of relaysToAsk(dependencies, believed(transport.addresses())))
      try {
        await transport.reserve?.(relay)
        logger.info('relay-slot', { relay })
      } catch (error) {
        logger.debug('relay-refused', { relay, reason: messageOf(error) })
      }
    const addresses = toldAddresses(transport, believed)
    if (addresses.join() === told) return
    told = addresses.join()
    await membership.announce({ addresses })
  }
  const timer = every(clock, swarmLimits.reachTurnMs, turn, (error) =>
    logger.warn('reach-failed', { reason: messageOf(error) }),
  )
  scope.onClose(() => timer.cancel())
}

/** The router is asked while others go on; what it has granted is told in this turn. */
function mapPort({ transport, portMapping = null }: ReachDependencies): void {
  if (portMapping === null) return
  const { address } = portMapping.status()
  const listens = transport.addresses().filter((each) => address === null || !each.startsWith(`${address}/`))
  portMapping.turn(placeToMap(listens, bridgeAddresses()))
  transport.alsoAt?.(address === null ? [] : [address])
}

const aliveOthers = ({ transport, membership }: ReachDependencies): readonly Member[] =>
  membership
    .members()
    .filter(({ record, liveness }) => record.peerId !== transport.peerId && liveness === 'alive')

function relaysToAsk(dependencies: ReachDependencies, own: readonly string[]): readonly string[] {
  const { transport } = dependencies
  const connected = aliveOthers(dependencies).filter(
    ({ record }) => transport.path?.(record.peerId)?.kind === 'direct',
  )
  const farthest = connected.reduce<Reach>(
    (place, { record }) => farther(place, placeOfNetwork(transport.networkOf?.(record.peerId) ?? null)),
    'machine',
  )
  return chooseRelays(
    own,
    farthest,
    connected.map(({ record }) => ({ record, direct: true })),
  )
}
