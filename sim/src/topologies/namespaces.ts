import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
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
  /** Forwards ports when it is asked by NAT-PMP. */
  readonly obeys?: true
}

/** Bytes are those of Ethernet frames. */
export interface Traffic {
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly sentPackets: number
  readonly receivedPackets: number
}

/** Networks of one machine that are as far apart as households: each machine and router is a network namespace. */
export interface Lab {
  /** A machine of the internet, at this address. @param walled behind a firewall that lets nobody in */
  addServer(name: string, address: string, walled?: boolean): void
  /** A router, at this address of the internet; behind it all sites use the same private addresses, as homes do. */
  addSite(name: string, address: string, site: Site): void
  /** A machine behind a router. */
  addMachine(name: string, site: string): void
  /** Another address for a machine behind a router, in place of the one that it has. */
  renumber(name: string): void
  /** What has passed the cable of a machine so far. */
  traffic(name: string): Traffic
  /** The router of a site drops all packets of UDP from now on. */
  cut(site: string): void
  /** Words before a command that is to run on a machine. */
  within(name: string): readonly string[]
  close(): void
}

const run = (command: string, ...words: readonly string[]): string =>
  execFileSync(command, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** `ip` and `nft` lie in folders that are not on the PATH of everybody who may use them. */
function lookWhereAdministratorsDo(): void {
  const folders = (process.env['PATH'] ?? '').split(':')
  const further = ['/usr/sbin', '/sbin'].filter((folder) => !folders.includes(folder))
  process.env['PATH'] = [...folders, ...further].join(':')
}

/** Why this machine allows no network namespaces; null where it allows them. */
export function whyNoNamespaces(): string | null {
  if (process.platform !== 'linux') return 'network namespaces are a part of Linux'
  lookWhereAdministratorsDo()
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

const ip = (space: string, ...words: readonly string[]): string => run('ip', '-n', space, ...words)
const inside = (space: string, ...words: readonly string[]): string =>
  run('ip', 'netns', 'exec', space, ...words)

function give(space: string, device: string, address: string): void {
  const six = address.includes(':')
  ip(space, 'addr', 'add', `${address}/${six ? 64 : 24}`, 'dev', device, ...(six ? ['nodad'] : []))
}

function addSwitch(space: string): void {
  ip(space, 'link', 'add', 'switch', 'type', 'bridge')
  ip(space, 'link', 'set', 'switch', 'up')
}

/** A cable from a machine to the switch of another namespace. */
function plug(space: string, device: string, into: string, port: string): void {
  ip(into, 'link', 'add', port, 'type', 'veth', 'peer', 'name', device, 'netns', space)
  ip(into, 'link', 'set', port, 'master', 'switch', 'up')
  ip(space, 'link', 'set', device, 'up')
}

const gateway = '192.168.1.1'
const homeRouter = fileURLToPath(new URL('./home-router.ts', import.meta.url))
let labs = 0

export function createLab(): Lab {
  labs += 1
  const prefix = `shoal-${process.pid}-${labs}-`
  const made: string[] = []
  const programs: ChildProcess[] = []
  const hosts = new Map<string, number>()
  const siteOf = new Map<string, string>()
  const space = (name: string): string => `${prefix}${name}`
  const add = (name: string, device?: string, into = 'internet'): void => {
    run('ip', 'netns', 'add', space(name))
    made.push(name)
    ip(space(name), 'link', 'set', 'lo', 'up')
    if (device !== undefined) plug(space(name), device, space(into), `port${made.length}`)
  }
  const number = (name: string, host: number): void => {
    hosts.set(siteOf.get(name) ?? '', host)
    give(space(name), 'eth0', `192.168.1.${host}`)
    ip(space(name), 'route', 'add', 'default', 'via', gateway)
  }
  const lastHost = (name: string): number => hosts.get(siteOf.get(name) ?? '') ?? 1

  add('internet')
  addSwitch(space('internet'))
  return {
    addServer(name, address, walled = false) {
      add(name, 'eth0')
      give(space(name), 'eth0', address)
      if (walled) inside(space(name), 'nft', wall)
    },
    addSite(name, address, { translation, mappedPort, obeys }) {
      add(name, 'wan')
      give(space(name), 'wan', address)
      addSwitch(space(name))
      give(space(name), 'switch', gateway)
      inside(space(name), 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
      inside(space(name), 'nft', rulesOf(address, translation, mappedPort))
      if (obeys === true) {
        const words = ['netns', 'exec', space(name), process.execPath, homeRouter, address]
        programs.push(spawn('ip', words, { stdio: 'ignore' }))
      }
    },
    addMachine(name, site) {
      add(name, 'eth0', site)
      siteOf.set(name, site)
      number(name, lastHost(name) + 1)
    },
    renumber(name) {
      ip(space(name), 'addr', 'flush', 'dev', 'eth0', 'scope', 'global')
      number(name, lastHost(name) + 100)
    },
    traffic: (name) => trafficOf(ip(space(name), '-json', '-statistics', 'link', 'show', 'dev', 'eth0')),
    cut: (site) => void inside(space(site), 'nft', cutRules),
    within: (name) => ['ip', 'netns', 'exec', space(name)],
    close() {
      for (const program of programs) program.kill()
      for (const name of made.toReversed()) run('ip', 'netns', 'del', space(name))
    },
  }
}

const cutRules = `table ip cut {
  chain pass { type filter hook forward priority -10; meta l4proto udp drop; }
}`

/** @param text what `ip -json -statistics link` prints of one device */
function trafficOf(text: string): Traffic {
  interface Counters {
    readonly bytes: number
    readonly packets: number
  }
  const [link] = JSON.parse(text) as { readonly stats64: { readonly rx: Counters; readonly tx: Counters } }[]
  if (link === undefined) throw new Error('no such device')
  const { rx, tx } = link.stats64
  return {
    sentBytes: tx.bytes,
    receivedBytes: rx.bytes,
    sentPackets: tx.packets,
    receivedPackets: rx.packets,
  }
}

/** Drops silently what begins outside, as the firewalls of many offices and hosts do. */
const wall = `table inet wall {
  chain in { type filter hook input priority 0; iifname "eth0" ct state new meta l4proto tcp drop; }
}`

/**
 * A home router: what comes from outside and belongs to no connection from inside goes nowhere, but for a
 * mapped port. Packets that it took for its own would hold the ports that machines behind it are about to be given.
 */
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
    chain own { type filter hook input priority 0; iifname "wan" meta l4proto { tcp, udp } ct state new drop; }
    ${mapped}
  }`
}
