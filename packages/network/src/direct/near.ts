import { BlockList, isIPv6 } from 'node:net'

/**
 * Addresses of this machine, of local networks and of overlays that look like one (RFC 1918, 3927, 4193, 4291, 6598).
 * Only there does a socket of its own matter: over the internet the journey hides what libp2p costs, and a second
 * connection through a router's mapping would often fail.
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

/** @param address an IP address as text */
export function isNear(address: string): boolean {
  return nearby.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
