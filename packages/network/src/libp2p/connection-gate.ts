import type { MultiaddrConnection, PeerId } from '@libp2p/interface'
import { isIPv6 } from 'node:net'
import { isNear } from '../direct/near.ts'
import { limits } from '../limits.ts'
import { ipOf } from './address-book.ts'
import { relayIn } from './relay/reach.ts'

/** What the gate knows of a socket that somebody has opened. */
interface Inbound {
  readonly network: string
  readonly near: boolean
  /** Null until its peer is authenticated. */
  peer: string | null
}

/**
 * Counts the sockets that others open, by network and by peer. libp2p has one limit for all: 256 silent sockets of one
 * address shut a node off. Here a network has a share; a socket that says nothing makes way for a newer one, that of the
 * network with the most silent sockets first; and a part of the places is kept for members.
 */
export class ConnectionGate {
  readonly #inbound = new Map<MultiaddrConnection, Inbound>()
  readonly #nearOnly: boolean
  #isKnown: (peer: string) => boolean = () => false

  constructor({ nearOnly = false }: { readonly nearOnly?: boolean } = {}) {
    this.#nearOnly = nearOnly
  }

  /** Which peers are no strangers. */
  prefer(isKnown: (peer: string) => boolean): void {
    this.#isKnown = isKnown
  }

  /** Whether a socket that somebody opens is refused before it says anything. */
  denies(connection: MultiaddrConnection): boolean {
    const address = ipOf(connection.remoteAddr) ?? ''
    const near = address !== '' && isNear(address)
    if (this.#nearOnly && !near) return true
    const relay = relayIn(connection.remoteAddr.toString())
    const network = relay ?? networkOf(address)
    const ofNetwork = [...this.#inbound].filter(([, inbound]) => inbound.network === network)
    const most = mostOf(relay, near)
    // A silent socket of the same network makes way; authenticated ones stay.
    if (ofNetwork.length >= most && !evictOldest(ofNetwork)) return true
    const silent = ofNetwork.filter(([, { peer }]) => peer === null)
    if (silent.length >= (near ? limits.pendingPerNearNetwork : limits.pendingPerNetwork)) evictOldest(silent)
    else this.#evictIfFull()
    this.#inbound.set(connection, { network, near, peer: null })
    connection.addEventListener('close', () => this.#inbound.delete(connection), { once: true })
    return false
  }

  /** When too many sockets say nothing, the network with the most of them loses its oldest. */
  #evictIfFull(): void {
    const silent = [...this.#inbound].filter(([, { peer }]) => peer === null)
    if (silent.length < limits.pendingConnections) return
    const byNetwork = [...Map.groupBy(silent, ([, { network }]) => network).values()]
    evictOldest(byNetwork.sort((a, b) => b.length - a.length)[0] ?? [])
  }

  /** The same once its peer is authenticated. */
  deniesPeer(peerId: PeerId, connection: MultiaddrConnection): boolean {
    const inbound = this.#inbound.get(connection)
    if (inbound === undefined) return false
    const peer = peerId.toString()
    const others = [...this.#inbound.values()].filter((other) => other.peer !== null)
    if (others.filter((other) => other.peer === peer).length >= limits.connectionsPerPeer) return true
    if (!this.#isKnown(peer)) {
      const strangers = others.filter((other) => !this.#isKnown(other.peer ?? ''))
      if (strangers.length >= limits.strangerConnections) return true
    }
    inbound.peer = peer
    return false
  }
}

/** Connections of one network, or through one relay. */
function mostOf(relay: string | null, near: boolean): number {
  if (relay !== null) return limits.relayedConnectionsPerRelay
  return near ? limits.connectionsPerNearNetwork : limits.connectionsPerNetwork
}

/** Ends the socket that has been silent longest. @returns whether there was one */
function evictOldest(sockets: readonly (readonly [MultiaddrConnection, Inbound])[]): boolean {
  const [oldest] = sockets.find(([, { peer }]) => peer === null) ?? []
  oldest?.abort(new Error('a newer connection needs the place of this silent one'))
  return oldest !== undefined
}

/**
 * Who pays for the strangers at an address: its network, or in a local network, where machines have different owners, the
 * address. Null for this machine itself, whose programs are one user's.
 */
export function accountOf(address: string): string | null {
  if (address === '127.0.0.1' || address === '::1') return null
  return isNear(address) ? address : networkOf(address)
}

/** The part of an address that one household or one rented machine has: /24 of IPv4, /56 of IPv6. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address.split('.').slice(0, 3).join('.')
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const words = head === '' ? [] : head.split(':')
  const behind = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - words.length - behind.length
  const all = [...words, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...behind]
  const [a = '0', b = '0', c = '0', d = '0'] = all
  return [a, b, c, (parseInt(d, 16) >>> 8).toString(16)]
    .map((word) => parseInt(word, 16).toString(16))
    .join(':')
}
