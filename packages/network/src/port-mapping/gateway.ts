import { readFileSync } from 'node:fs'
import { networkInterfaces, platform } from 'node:os'

interface InterfaceEntry {
  readonly address: string
  readonly netmask: string
  readonly family: string
}

type Interfaces = Readonly<Record<string, readonly InterfaceEntry[] | undefined>>

/**
 * The router through which an address of this machine reaches the internet. Linux tells it; elsewhere, where only commands of
 * the system do, the first address of the network is taken, which nearly all home routers have.
 * @param routes the text of /proc/net/route; null elsewhere
 */
export function gatewayOf(
  own: string,
  routes: string | null = readRoutes(),
  interfaces: Interfaces = networkInterfaces(),
): string | null {
  for (const [name, entries = []] of Object.entries(interfaces)) {
    const entry = entries.find(({ address, family }) => family === 'IPv4' && address === own)
    if (entry === undefined) continue
    if (routes !== null) return defaultGateway(routes, name)
    const first = firstOf(entry)
    return first === own ? null : first
  }
  return null
}

function readRoutes(): string | null {
  if (platform() !== 'linux') return null
  try {
    return readFileSync('/proc/net/route', 'utf8')
  } catch {
    return null
  }
}

/** Columns: interface, destination, gateway, flags, …; addresses are hexadecimal, the last byte first. */
function defaultGateway(routes: string, name: string): string | null {
  for (const line of routes.split('\n').slice(1)) {
    const [device, destination, gateway = ''] = line.split(/\s+/)
    if (device !== name || destination !== '00000000' || !/^[\dA-F]{8}$/i.test(gateway)) continue
    if (gateway !== '00000000') return [...Buffer.from(gateway, 'hex')].toReversed().join('.')
  }
  return null
}

function firstOf({ address, netmask }: InterfaceEntry): string {
  const mask = netmask.split('.').map(Number)
  const network = address.split('.').map((byte, index) => Number(byte) & (mask[index] ?? 0))
  return [...network.slice(0, 3), (network[3] ?? 0) + 1].join('.')
}
