import { isIP } from 'node:net'
import { isNear } from '../../direct/near.ts'
import { ipOf, parseAddress } from '../address-book.ts'
import { isGlobal } from './global-address.ts'

/** How far an address reaches, the farthest first. */
const ranks = ['global', 'relayed', 'near', 'machine'] as const
type Rank = (typeof ranks)[number]

/** Whether an address goes through a relay. */
export const isRelayed = (address: string): boolean => address.includes('/p2p-circuit')

/** The relay that an address goes through; null where it goes through none. */
export const relayIn = (address: string): string | null =>
  /\/p2p\/([^/]+)\/p2p-circuit/.exec(address)?.[1] ?? null

function rankOf(text: string): Rank {
  if (isRelayed(text)) return 'relayed'
  const address = parseAddress(text)
  const ip = address === undefined ? undefined : ipOf(address)
  // A name is what somebody has chosen to announce.
  if (ip === undefined || isGlobal(ip)) return 'global'
  return ip === '::1' || ip.startsWith('127.') || !isNear(ip) ? 'machine' : 'near'
}

/** From where a peer can be dialled, or where it is: this machine, a local network, the internet. */
export type Reach = 'nowhere' | 'machine' | 'network' | 'internet'

/** From where one of these addresses can be dialled without a relay, as far as the addresses tell. */
export function reachOf(addresses: readonly string[]): Reach {
  const found = new Set(addresses.map(rankOf))
  if (found.has('global')) return 'internet'
  if (found.has('near')) return 'network'
  return found.has('machine') ? 'machine' : 'nowhere'
}

/** Where the peers of a network are that `Transport.networkOf` names. */
export function placeOfNetwork(network: string | null): Reach {
  if (network === null) return 'machine'
  return isIP(network) !== 0 && isNear(network) ? 'network' : 'internet'
}

/**
 * What a node says of itself in its record: the addresses that lead farthest come first, since readers keep a bounded
 * number. Loopback and link-local addresses lead nowhere from other machines, so they are told only when the node has no
 * others; bridges that containers and virtual machines make have the same address on every machine.
 */
export function announcedAddresses(
  addresses: readonly string[],
  bridges: ReadonlySet<string> = new Set(),
): readonly string[] {
  const told = addresses.filter((text) => {
    const address = parseAddress(text)
    const ip = address === undefined || isRelayed(text) ? undefined : ipOf(address)
    return ip === undefined || !(isLinkLocal(ip) || bridges.has(ip))
  })
  const ranked = told
    .map((address) => ({ address, rank: rankOf(address) }))
    .sort((a, b) => ranks.indexOf(a.rank) - ranks.indexOf(b.rank))
  const far = ranked.filter(({ rank }) => rank !== 'machine')
  const kept = (far.length > 0 ? far : ranked).map(({ address }) => address)
  return kept.length > 0 ? kept : addresses
}

const isLinkLocal = (ip: string): boolean => ip.startsWith('169.254.') || /^fe[89ab]/i.test(ip)
