import type { Connection, Libp2p } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { messageOf, type Clock, type Logger } from '@shoal/host'
import { protocols } from '@shoal/protocol'
import { limits } from '../limits.ts'
import { placeOf } from './address-book.ts'
import { closeOrAbort } from './close-or-abort.ts'
import { measureRoundTrip } from './ping.ts'
import { directFirst, pathOf } from './relay/path.ts'
import { isRelayed } from './relay/reach.ts'

/** Their channels are opened again at once where they have ended. */
const mayEnd: ReadonlySet<string> = new Set([protocols.members, protocols.hello])

/**
 * Looks whether another address of a directly connected peer answers faster, such as one of the local network beside one of a
 * VPN. A faster connection stays beside the older one: later channels take it, because it is the newest. The older one is
 * closed once only what can begin anew is on it.
 * @returns whether a faster one was found
 * @throws {Error} with the signal
 */
export async function dialFaster(
  peer: string,
  addresses: readonly Multiaddr[],
  node: Pick<Libp2p, 'dial' | 'getConnections'>,
  clock: Clock,
  logger: Logger,
  signal: AbortSignal,
): Promise<boolean> {
  const open = node
    .getConnections()
    .filter(({ status, remotePeer }) => status === 'open' && remotePeer.toString() === peer)
    .sort(directFirst)
  const [current, ...older] = open
  if (current === undefined || pathOf(current).kind !== 'direct') return false
  // Those over which nothing runs any more that could not begin anew.
  for (const connection of older)
    if (
      pathOf(connection).kind === 'direct' &&
      connection.streams.every(({ protocol }) => mayEnd.has(protocol))
    )
      await closeOrAbort(connection)
  const used = new Set(open.map(({ remoteAddr }) => placeOf(remoteAddr)))
  const others = addresses.filter((address) => !isRelayed(address.toString()) && !used.has(placeOf(address)))
  if (others.length === 0) return false
  const bestMs = await least(current)
  for (const address of others.slice(0, limits.fasterAddresses))
    try {
      const other = await node.dial(address, { signal, force: true })
      let isFaster = false
      try {
        const otherMs = await least(other)
        isFaster = otherMs < bestMs * limits.fasterShare && other.remotePeer.toString() === peer
        if (isFaster)
          logger.info('path-faster', { peer, address: address.toString(), ms: otherMs, before: bestMs })
      } finally {
        // Also one that does not answer.
        if (!isFaster) await closeOrAbort(other)
      }
      if (isFaster) return true
    } catch (error) {
      signal.throwIfAborted()
      logger.debug('address-not-faster', { peer, address: address.toString(), reason: messageOf(error) })
    }
  return false

  /** The smallest of some, since the first one may wait for something else. */
  async function least(connection: Connection): Promise<number> {
    const times: number[] = []
    while (times.length < limits.fasterSamples) times.push(await measureRoundTrip(connection, clock, signal))
    return Math.min(...times)
  }
}
