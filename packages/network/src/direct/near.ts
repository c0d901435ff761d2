import { BlockList, isIPv6 } from 'node:net'

/**
 * Addresses of this machine, of local networks and of overlays that look like one (RFC 1918, 3927, 4193, 4291, 6598).
 * Only there does a separate socket pay: over the internet the latency of the path dwarfs libp2p's overhead, and a second
 * connection through NAT would often fail.
 */
const nearby = new BlockList()
nearby.addSubnet('127.0.0.0', 8)
nearby.addSubnet('10.0.0.0', 8)
nearby.addSubnet('172.16.0.0', 12)
nearby.addSubnet('192.168.0.0', 16)
nearby.addSubnet('169.254.0.0', 16)
nearby.addSubnet('100.64.0.0', 10)
nearby.addAddress('::1', 'ipv6')
nearby.addSubnet('fc00::', 7, 'ipv6')
nearby.addSubnet('fe80::', 10, 'ipv6')

/**
 * Whether a peer seen at `address` can connect to a listener at `host`. A listener on loopback accepts connections from
 * its own machine only, and a peer seen at a loopback address is not directed to a listener at a network address.
 */
export function reaches(address: string, host: string): boolean {
  if (isIPv6(address) !== isIPv6(host)) return false
  return host === '0.0.0.0' || host === '::' || isLoopback(address) === isLoopback(host)
}

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

/** @param address an IP address as text */
export function isNear(address: string): boolean {
  return nearby.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
