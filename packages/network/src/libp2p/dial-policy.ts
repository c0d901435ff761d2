import type { Multiaddr } from '@multiformats/multiaddr'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { isNear } from '../direct/near.ts'
import { ipOf, placeOf } from './address-book.ts'
import { isRelayed } from './relay/reach.ts'

/**
 * Which addresses this node dials because another peer has named them, in a record, a session or the directory. A stranger
 * must not be able to make this node connect to services that only this node reaches: those of its own machine, and of a
 * private network that the stranger is not in. Addresses that the user names are dialled without a check.
 */
export class DialPolicy {
  readonly #own: () => readonly Multiaddr[]
  readonly #interfaces: () => readonly string[]
  /** Addresses that the user's dials under way have named. A name has other addresses once it is resolved. */
  readonly #named = new Map<string, number>()
  #namedHosts = 0

  /** @param own addresses at which this node is reached */
  constructor(own: () => readonly Multiaddr[], interfaces: () => readonly string[] = interfaceAddresses) {
    this.#own = own
    this.#interfaces = interfaces
  }

  /** Runs a dial that the user has asked for. */
  async named<Result>(address: Multiaddr, dial: () => Promise<Result>): Promise<Result> {
    const key = placeOf(address)
    const isHost = ipOf(address) === undefined
    this.#named.set(key, (this.#named.get(key) ?? 0) + 1)
    if (isHost) this.#namedHosts += 1
    try {
      return await dial()
    } finally {
      const left = (this.#named.get(key) ?? 1) - 1
      if (left === 0) this.#named.delete(key)
      else this.#named.set(key, left)
      if (isHost) this.#namedHosts -= 1
    }
  }

  /** Whether the user has asked for a dial to this address that is under way. */
  isNamed(address: Multiaddr): boolean {
    return this.#named.has(placeOf(address)) || this.#namedHosts > 0
  }

  denies(address: Multiaddr): boolean {
    if (this.isNamed(address)) return false
    // The relay's own address is checked when it is dialled. Peers with slots at one relay differ in their ids alone, so
    // that an address of another peer is no address of this node.
    if (isRelayed(address.toString())) return false
    // Another machine's bridge may have the same address as a bridge of this machine; this node would dial itself there.
    if (this.#own().some((own) => placeOf(own) === placeOf(address))) return true
    const ip = ipOf(address)
    // A name that is not resolved yet.
    if (ip === undefined) return false
    if (isNowhere(ip)) return true
    if (isLoopback(ip)) return !this.#livesOnLoopback()
    return isNear(ip) && !this.#interfaces().some((own) => privateNetwork(own) === privateNetwork(ip))
  }

  /** A swarm on one machine; a node that others reach has no business with them at its own loopback address. */
  #livesOnLoopback(): boolean {
    return this.#own().every((address) => {
      const ip = ipOf(address)
      return ip === undefined ? !isRelayed(address.toString()) : isLoopback(ip)
    })
  }
}

/** Addresses at which nobody listens. */
function isNowhere(ip: string): boolean {
  if (isIPv6(ip)) return ip === '::' || ip.toLowerCase().startsWith('ff')
  const first = Number(ip.split('.')[0])
  return first === 0 || first >= 224
}

const isLoopback = (ip: string): boolean => ip === '::1' || ip.startsWith('127.')

/** The private range that an address is in, as one name: machines of one range are taken to be able to reach each other. */
function privateNetwork(ip: string): string | null {
  if (isLoopback(ip) || !isNear(ip)) return null
  if (isIPv6(ip)) return ip.toLowerCase().startsWith('fe') ? 'fe80::/10' : ip.toLowerCase().slice(0, 9)
  const [first, second] = ip.split('.')
  return first === '10' || first === '172' || first === '100' ? (first ?? null) : `${first}.${second}`
}

/** Addresses that the interfaces of this machine have now. */
export function interfaceAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((entries) =>
    (entries ?? []).map(({ address }) => address),
  )
}
