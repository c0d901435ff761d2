import type { Transport } from '@shoal/network'
import { isRelayed } from '@shoal/network'
import type { PeerStatus, SwarmStatus } from '../types.ts'

/** A status that says of each connected peer which way its connection takes, and why. */
export function withPaths(status: SwarmStatus, transport: Pick<Transport, 'path'>): SwarmStatus {
  return { ...status, peers: status.peers.map((peer) => ({ ...peer, ...pathOf(peer, transport) })) }
}

function pathOf(peer: PeerStatus, transport: Pick<Transport, 'path'>): Pick<PeerStatus, 'path'> {
  const path = peer.self ? null : (transport.path?.(peer.peer) ?? null)
  if (path === null) return {}
  const { kind, relay, why } = path
  const reason = whyOf(kind, peer.addresses)
  return {
    path: { kind, relay, why: why === undefined ? reason : `${reason}; through both routers: ${why}` },
  }
}

/** Why a connection takes its way, as far as the addresses that the other peer tells show it. */
export function whyOf(kind: 'direct' | 'punched' | 'relayed', addresses: readonly string[]): string {
  if (kind === 'direct') return 'one of the two could dial the other'
  if (kind === 'punched')
    return 'both sent packets to each other at once, which their routers let in as answers'
  return addresses.every(isRelayed)
    ? 'it tells only addresses through relays, so nobody can dial it'
    : 'no other address of the two could be dialled from the other side'
}
