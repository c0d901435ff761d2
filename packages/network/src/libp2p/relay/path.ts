import type { Connection } from '@libp2p/interface'
import type { PeerPath } from '../../transport.ts'
import { ipOf } from '../address-book.ts'
import { accountOf } from '../connection-gate.ts'
import { isRelayed, relayIn } from './reach.ts'

/** The relays that addresses go through. */
export const relaysIn = (addresses: readonly string[]): ReadonlySet<string> =>
  new Set(addresses.flatMap((address) => relayIn(address) ?? []))

/** Whether an address is the end of a connection through the routers of both peers: it cannot be dialled. */
export const isPunched = (address: string): boolean => address.includes('/webrtc')

/** The way that a connection takes. */
export function pathOf({ remoteAddr }: Pick<Connection, 'remoteAddr'>): PeerPath {
  const address = remoteAddr.toString()
  if (isRelayed(address)) return { kind: 'relayed', relay: relayIn(address) }
  return { kind: isPunched(address) ? 'punched' : 'direct', relay: null }
}

/** The account of a stranger's connection: its network, or one account for all strangers behind a relay; see `accountOf`. */
export function payerOf(connection: Pick<Connection, 'remoteAddr'>): string | null {
  const address = ipOf(connection.remoteAddr)
  return address === undefined ? pathOf(connection).relay : accountOf(address)
}

const kinds: readonly PeerPath['kind'][] = ['direct', 'punched', 'relayed']

/**
 * Direct connections first, then those through both routers, then relayed ones; the newer ones first among those of a
 * kind.
 */
export const directFirst = (a: Connection, b: Connection): number =>
  kinds.indexOf(pathOf(a).kind) - kinds.indexOf(pathOf(b).kind) || b.timeline.open - a.timeline.open
