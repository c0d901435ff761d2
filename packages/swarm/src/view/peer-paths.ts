import type { PeerPath, Transport } from '@shoal/network'
import { isRelayed } from '@shoal/network'
import type { PeerStatus, SwarmStatus } from '../types.ts'

/** What is read of a transport. */
type Paths = Pick<Transport, 'path' | 'tried'>

/** A status that says of each peer which way leads to it, or which addresses lead nowhere, and why. */
export function withPaths(status: SwarmStatus, transport: Paths): SwarmStatus {
  return { ...status, peers: status.peers.map((peer) => ({ ...peer, ...pathOf(peer, transport) })) }
}

function pathOf(peer: PeerStatus, transport: Paths): Pick<PeerStatus, 'path' | 'tried'> {
  if (peer.self) return {}
  const path = transport.path?.(peer.peer) ?? null
  const tried = transport.tried?.(peer.peer) ?? []
  const told = { ...(tried.length > 0 && { tried }) }
  if (path === null) return told
  const { kind, relay } = path
  return { path: { kind, relay, why: whyOf(path, peer.addresses, tried) }, ...told }
}

/** Why a connection takes its way, as far as the addresses of the other peer and the dials to them show it. */
export function whyOf(
  { kind, why }: Pick<PeerPath, 'kind' | 'why'>,
  addresses: readonly string[],
  tried: NonNullable<PeerStatus['tried']> = [],
): string {
  if (kind === 'direct') return 'one of the two could dial the other'
  if (kind === 'punched')
    return 'both sent packets to each other at once, which their routers let in as answers'
  const failed = tried.filter(({ address, outcome }) => !isRelayed(address) && outcome !== 'connected')
  const reasons = [
    addresses.every(isRelayed)
      ? 'it tells only addresses through relays, so nobody can dial it'
      : 'no other address of the two could be dialled from the other side',
    ...failed.map(({ address, outcome }) => `${address}: ${outcome}`),
    ...(why === undefined ? [] : [`through both routers: ${why}`]),
  ]
  return reasons.join('; ')
}
