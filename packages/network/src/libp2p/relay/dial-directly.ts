import type { Libp2p } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { peerVanished } from '../../errors.ts'
import { dialFailure } from '../failures.ts'
import { isRelayed } from './reach.ts'

/**
 * Connects to a peer without a relay, beside the relayed connection that there may be. Addresses that only records name are
 * dialled at the pace of all such addresses.
 * @throws {ShoalError} `peer-vanished` when no address without a relay is known, or none leads to the peer
 */
export async function dialDirectly(
  node: Pick<Libp2p, 'dial'>,
  peerId: string,
  addresses: readonly Multiaddr[],
  signal: AbortSignal,
): Promise<void> {
  const direct = addresses.filter((address) => !isRelayed(address.toString()))
  if (direct.length === 0) throw peerVanished(peerId, 'tells no address without a relay')
  try {
    // Without force libp2p may return the relayed connection: it takes one that the other side has opened for direct.
    await node.dial(direct, { signal, force: true })
  } catch (error) {
    throw dialFailure(error, peerId, direct.map(String), signal)
  }
}
