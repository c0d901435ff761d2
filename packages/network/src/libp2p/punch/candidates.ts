import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { limits } from '../../limits.ts'
import { isGlobal } from '../relay/global-address.ts'
import type { Place } from './stun-message.ts'

/** Which addresses count as those of a router, or of a machine without one. */
export type Reaches = (ip: string) => boolean

/** Addresses of the internet: two peers that share a local network dial each other there. */
export const onInternet: Reaches = isGlobal

/** The own candidates that others are told: the address of the router, never one behind it. */
export const toldCandidates = (own: readonly Place[], reaches: Reaches): readonly string[] =>
  [...new Set(own.filter(({ ip }) => reaches(ip)).map(textOf))].slice(0, limits.punchCandidates)

/**
 * The candidates of a peer to which packets may be sent. A peer may name addresses of others: ports below 1024, where
 * services are, local networks and this node's own addresses are left out, and the rest is taken at the pace of all
 * addresses that only others name.
 */
export function usableCandidates(
  named: readonly string[],
  reaches: Reaches,
  mayDial: (address: Multiaddr) => boolean,
): readonly Place[] {
  return named.flatMap((text) => {
    const place = placeIn(text)
    if (place === null || place.port < 1024 || !reaches(place.ip)) return []
    return mayDial(multiaddr(text)) ? [place] : []
  })
}

export const textOf = ({ ip, port }: Place): string => `/ip${ip.includes(':') ? 6 : 4}/${ip}/udp/${port}`

function placeIn(text: string): Place | null {
  try {
    const [ip, udp] = multiaddr(text).getComponents()
    return { ip: ip?.value ?? '', port: Number(udp?.value) }
  } catch {
    return null
  }
}
