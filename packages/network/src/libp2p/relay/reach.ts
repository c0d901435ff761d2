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

/** Whether anybody on the internet may dial one of these addresses, as far as the addresses tell. */
export const isReachable = (addresses: readonly string[]): boolean =>
  addresses.some((address) => rankOf(address) === 'global')

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
