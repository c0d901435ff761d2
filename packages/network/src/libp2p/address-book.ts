import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { limits } from '../limits.ts'

/** Addresses of peers. Bounded: the peer whose addresses were learned longest ago is forgotten first. */
export interface AddressBook {
  learn(peerId: string, addresses: readonly string[]): void
  knows(peerId: string): boolean
  /** Addresses to dial, each ending in `/p2p/<peerId>`. Malformed addresses and those of other peers are left out. */
  find(peerId: string): Multiaddr[]
}

export function createAddressBook(): AddressBook {
  const book = new Map<string, readonly string[]>()
  return {
    learn(peerId, addresses) {
      book.delete(peerId)
      book.set(peerId, addresses.slice(0, limits.maxAddresses))
      const [oldest] = book.keys()
      if (book.size > limits.learnedPeers && oldest !== undefined) book.delete(oldest)
    },
    knows: (peerId) => book.has(peerId),
    find: (peerId) =>
      (book.get(peerId) ?? []).flatMap((text) => {
        const address = parseAddress(text)
        if (address === undefined) return []
        const named = peerIn(address)
        // A peer id from the network may be malformed, and then no address can end in it.
        const dialled = named === undefined ? parseAddress(`${address.toString()}/p2p/${peerId}`) : address
        return dialled !== undefined && peerIn(dialled) === peerId ? [dialled] : []
      }),
  }
}

/** Undefined for a text that is not a multiaddr, or that names an impossible peer id. */
export function parseAddress(text: string): Multiaddr | undefined {
  if (text.length > limits.maxAddressBytes) return undefined
  try {
    const address = multiaddr(text)
    // `multiaddr` checks some parts, such as the peer id, only when the address becomes bytes.
    return address.bytes.byteLength === 0 ? undefined : address
  } catch {
    return undefined
  }
}

/** The peer that an address names last. */
export function peerIn(address: Multiaddr): string | undefined {
  return address.getComponents().findLast((component) => component.name === 'p2p')?.value
}

/** The IP address in an address, an IPv4 one in IPv6 form as IPv4; undefined when there is none, as in a name or behind a relay. */
export function ipOf(address: Multiaddr): string | undefined {
  const components = address.getComponents()
  if (components.some(({ name }) => name === 'p2p-circuit')) return undefined
  return components
    .find(({ name }) => name === 'ip4' || name === 'ip6')
    ?.value?.replace(mapped, (_text, high: string, low: string) => [high, low].flatMap(bytesOf).join('.'))
}

/** The address without its peer. */
export function placeOf(address: Multiaddr): string {
  const components = address.getComponents().filter(({ name }) => name !== 'p2p')
  return components.map(({ name, value }) => `/${name}/${value ?? ''}`).join('')
}

/** An IPv4 address in IPv6 form, as multiaddrs write it. */
const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i
const bytesOf = (word: string): number[] => [parseInt(word, 16) >>> 8, parseInt(word, 16) & 0xff]
