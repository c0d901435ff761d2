import type { Transport } from '@shoal/network'
import { isRelayed } from '@shoal/network'
import type { PeerStatus, SwarmStatus } from '../types.ts'

/** A status that says of each connected peer which way its connection takes, and why. */
export function withPaths(status: SwarmStatus, transport: Pick<Transport, 'path'>): SwarmStatus {
  return { ...status, peers: status.peers.map((peer) => ({ ...peer, ...pathOf(peer, transport) })) }
}

function pathOf(peer: PeerStatus, transport: Pick<Transport, 'path'>): Pick<PeerStatus, 'path'> {
  const path = peer.self ? null : (transport.path?.(peer.peer) ?? null)
  return path === null ? {} : { path: { ...path, why: whyOf(path.kind, peer.addresses) } }
}

/** Why a connection takes its way, as far as the addresses that the other peer tells show it. */
export function whyOf(kind: 'direct' | 'relayed', addresses: readonly string[]): string {
  if (kind === 'direct') return 'one of the two could dial the other'
  return addresses.every(isRelayed)
    ? 'it tells only addresses through relays, so nobody can dial it'
    : 'no other address of the two could be dialled from the other side'
}
