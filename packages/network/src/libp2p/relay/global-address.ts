import { BlockList, isIPv6 } from 'node:net'

/** Ranges that no router of the internet knows (IANA special-purpose registries). */
const special = new BlockList()
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  special.addSubnet(net, prefix, 'ipv4')
for (const [net, prefix] of [
  ['::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
  ['2001:db8::', 32],
] as const)
  special.addSubnet(net, prefix, 'ipv6')

/** Whether the internet routes to an IP address. A firewall may still stand before it. */
export const isGlobal = (ip: string): boolean => !special.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4')
