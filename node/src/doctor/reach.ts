import { BlockList } from 'node:net'

/** Ranges that are not routed on the internet (IANA special-purpose registries): a machine with only these is behind a NAT. */
const inner = new BlockList()
for (const [net, prefix] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
] as const) {
  inner.addSubnet(net, prefix, 'ipv4')
}
for (const [net, prefix] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
  ['2001:db8::', 32],
] as const) {
  inner.addSubnet(net, prefix, 'ipv6')
}

/** From where addresses can be dialled, as far as a machine can tell by itself; a firewall may still block them. */
export type Reach = 'anywhere' | 'lan' | 'this-machine'

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

export function reachOf(addresses: readonly string[]): Reach {
  const outer = addresses.filter((address) => !isLoopback(address))
  if (outer.length === 0) return 'this-machine'
  return outer.some((address) => !inner.check(address, address.includes(':') ? 'ipv6' : 'ipv4'))
    ? 'anywhere'
    : 'lan'
}
