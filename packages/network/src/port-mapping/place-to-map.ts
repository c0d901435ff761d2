import { isIPv4 } from 'node:net'
import { isNear } from '../direct/near.ts'
import { ipOf, parseAddress } from '../libp2p/address-book.ts'
import { isGlobal } from '../libp2p/relay/global-address.ts'
import { isRelayed } from '../libp2p/relay/reach.ts'
import { gatewayOf } from './gateway.ts'
import type { Place } from './messages.ts'

/**
 * Where a router would have to forward connections to: this node's address of IPv4 in a local network. Null when it has none,
 * or when the internet reaches it without.
 * @param addresses multiaddrs on which the node listens
 * @param bridges addresses of networks inside this machine
 * @param hasGateway whether a router stands before an address
 */
export function placeToMap(
  addresses: readonly string[],
  bridges: ReadonlySet<string>,
  hasGateway: (ip: string) => boolean = (ip) => gatewayOf(ip) !== null,
): Place | null {
  const places = addresses.filter((address) => !isRelayed(address)).flatMap(placeIn)
  if (places.some(({ ip }) => isGlobal(ip))) return null
  const inner = places.filter(({ ip }) => isNear(ip) && !/^(127|169\.254)\./.test(ip) && !bridges.has(ip))
  return inner.find(({ ip }) => hasGateway(ip)) ?? null
}

function placeIn(text: string): Place[] {
  const address = parseAddress(text)
  const ip = address === undefined ? undefined : ipOf(address)
  const port = address?.getComponents().find(({ name }) => name === 'tcp')?.value
  return ip !== undefined && isIPv4(ip) && port !== undefined ? [{ ip, port: Number(port) }] : []
}
