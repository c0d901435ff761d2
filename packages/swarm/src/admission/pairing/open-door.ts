import type { SystemDependencies } from '@shoal/host'
import { createLibp2pTransport, createPeerKey, type Libp2pTransport, type Transport } from '@shoal/network'
import { swarmLimits } from '../../limits.ts'

/** mDNS name of machines that show a PIN. */
const serviceTag = '_shoal-pair._tcp.local'
const mdns = { serviceTag, intervalMs: swarmLimits.pairingMdnsIntervalMs }

/**
 * The door of a machine that shows a PIN: a port and a key of its own, announced by mDNS. A node that listens on
 * loopback only opens the door on loopback only.
 */
export async function openPairingDoor(
  { clock, logger }: SystemDependencies,
  nodeAddresses: readonly string[],
): Promise<Transport> {
  const far = nodeAddresses.some((address) => !/^\/(ip4\/127\.|ip6\/::1\/)/.test(address))
  const listen = far ? ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/0'] : ['/ip4/127.0.0.1/tcp/0']
  return await createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock,
    logger,
    listen,
    bare: true,
    mdns,
  })
}

/** The transport of a newcomer, which only dials; its own key is the one that will be a member's. */
export function openNewcomer(
  { clock, logger }: SystemDependencies,
  privateKey: Uint8Array,
): Promise<Libp2pTransport> {
  return createLibp2pTransport({ privateKey, clock, logger, listen: [], bare: true, mdns })
}
