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

/**
 * Whether who is seen at `address` can connect to `host`, an address that is listened at: what listens for its own
 * machine only does not hear others, and what listens at an address of a network is not asked from this machine's own.
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
