import { execFileSync } from 'node:child_process'
import { messageOf } from '@shoal/host'

/** How a router lets out the machines behind it. */
export type Translation =
  /** A port outside serves one port inside towards everybody, as most home routers do. */
  | 'cone'
  /** Each destination sees another port: carrier NAT. */
  | 'symmetric'

export interface Site {
  readonly translation: Translation
  /** Port of the router that leads to the same port of the first machine. */
  readonly mappedPort?: number
}

/** Networks of one machine that are as far apart as households: each machine and router is a network namespace. */
export interface Lab {
  /** A machine of the internet, at this address. */
  addServer(name: string, address: string): void
  /** A router, at this address of the internet; behind it all sites use the same private addresses, as homes do. */
  addSite(name: string, address: string, site: Site): void
  /** A machine behind a router. */
  addMachine(name: string, site: string): void
  /** Another address for a machine behind a router, in place of the one that it has. */
  renumber(name: string): void
  /** Words before a command that is to run on a machine. */
  within(name: string): readonly string[]
  close(): void
}

const run = (command: string, ...words: readonly string[]): string =>
  execFileSync(command, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** Why this machine allows no network namespaces; null where it allows them. */
export function whyNoNamespaces(): string | null {
  if (process.platform !== 'linux') return 'network namespaces are a part of Linux'
  const name = `shoal-${process.pid}-probe`
  try {
    run('ip', 'netns', 'add', name)
    run('ip', 'netns', 'exec', name, 'nft', 'add', 'table', 'ip', 'probe')
    return null
  } catch (error) {
    return `ip netns add, or nft in it, is not allowed: ${messageOf(error).split('\n').at(-1)}`
  } finally {
    try {
      run('ip', 'netns', 'del', name)
    } catch {
      // It was not made.
    }
  }
}

let labs = 0

export function createLab(): Lab {
  labs += 1
  const prefix = `shoal-${process.pid}-${labs}-`
  const made: string[] = []
  const hosts = new Map<string, number>()
  const siteOf = new Map<string, string>()
  const space = (name: string): string => `${prefix}${name}`
  const ip = (name: string, ...words: readonly string[]): string => run('ip', '-n', space(name), ...words)
  const inside = (name: string, ...words: readonly string[]): string =>
    run('ip', 'netns', 'exec', space(name), ...words)

  const add = (name: string): void => {
    run('ip', 'netns', 'add', space(name))
    made.push(name)
    ip(name, 'link', 'set', 'lo', 'up')
  }
  /** A cable from a machine to the switch of another namespace. */
  const plug = (name: string, device: string, into: string): void => {
    const port = `p${made.length}-${device}`
    ip(into, 'link', 'add', port, 'type', 'veth', 'peer', 'name', device, 'netns', space(name))
    ip(into, 'link', 'set', port, 'master', 'switch', 'up')
    ip(name, 'link', 'set', device, 'up')
  }
  const addSwitch = (name: string): void => {
    ip(name, 'link', 'add', 'switch', 'type', 'bridge')
    ip(name, 'link', 'set', 'switch', 'up')
  }
  const give = (name: string, device: string, address: string): void => {
    const six = address.includes(':')
    ip(name, 'addr', 'add', `${address}/${six ? 64 : 24}`, 'dev', device, ...(six ? ['nodad'] : []))
  }

  add('internet')
  addSwitch('internet')
  return {
    addServer(name, address) {
      add(name)
      plug(name, 'eth0', 'internet')
      give(name, 'eth0', address)
    },
    addSite(name, address, { translation, mappedPort }) {
      add(name)
      plug(name, 'wan', 'internet')
      give(name, 'wan', address)
      addSwitch(name)
      give(name, 'switch', '192.168.1.1')
      inside(name, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
      inside(name, 'nft', rulesOf(address, translation, mappedPort))
    },
    addMachine(name, site) {
      add(name)
      plug(name, 'eth0', site)
      siteOf.set(name, site)
      const host = (hosts.get(site) ?? 1) + 1
      hosts.set(site, host)
      give(name, 'eth0', `192.168.1.${host}`)
      ip(name, 'route', 'add', 'default', 'via', '192.168.1.1')
    },
    renumber(name) {
      const site = siteOf.get(name) ?? ''
      const host = (hosts.get(site) ?? 1) + 100
      hosts.set(site, host)
      ip(name, 'addr', 'flush', 'dev', 'eth0', 'scope', 'global')
      give(name, 'eth0', `192.168.1.${host}`)
      ip(name, 'route', 'add', 'default', 'via', '192.168.1.1')
    },
    within: (name) => ['ip', 'netns', 'exec', space(name)],
    close() {
      for (const name of made.toReversed()) run('ip', 'netns', 'del', space(name))
    },
  }
}

/** A home router: what comes from outside and belongs to no connection from inside goes nowhere, but for a mapped port. */
function rulesOf(address: string, translation: Translation, mappedPort: number | undefined): string {
  const random = translation === 'symmetric' ? ' fully-random' : ''
  // A machine behind the router that dials the router's own address is led back in ("hairpin").
  const mapped =
    mappedPort === undefined
      ? ''
      : `chain in { type nat hook prerouting priority -100; ip daddr ${address} tcp dport ${mappedPort} dnat to 192.168.1.2:${mappedPort}; }
         chain hairpin { type nat hook postrouting priority 99; ip saddr 192.168.1.0/24 ip daddr 192.168.1.2 tcp dport ${mappedPort} masquerade; }`
  return `table ip home {
    chain out { type nat hook postrouting priority 100; oifname "wan" masquerade${random}; }
    chain pass { type filter hook forward priority 0; ct status dnat accept; iifname "wan" ct state new drop; }
    ${mapped}
  }`
}
