import { every, messageOf, type Clock, type Logger, type Timer } from '@shoal/host'
import type { Connection, Libp2p } from '@libp2p/interface'
import { limits } from '../limits.ts'
import { isPunched, relaysIn } from './relay/path.ts'
import type { Libp2pTransportParts } from './transport-parts.ts'

/**
 * Closes connections that have had no stream for a while. A lookup in the directory dials peers that nobody here has
 * anything else to do with, and libp2p would keep and ping each of them for ever. Members, clients, sessions and
 * transfers have channels open, so theirs stay.
 *
 * @param inUse whether a peer has channels that are not streams
 */
export function closeIdleConnections(
  node: Pick<Libp2p, 'getConnections'>,
  clock: Clock,
  logger: Logger,
  inUse: (peer: string) => boolean = () => false,
): Timer {
  let idleBefore = new Set<string>()
  const turn = async (): Promise<void> => {
    const idle = node
      .getConnections()
      .filter(
        (connection) =>
          connection.status === 'open' &&
          connection.streams.length === 0 &&
          !inUse(connection.remotePeer.toString()) &&
          !isBetterWay(connection, node.getConnections(connection.remotePeer)),
      )
    const closing = idle.filter(({ id }) => idleBefore.has(id))
    idleBefore = new Set(idle.map(({ id }) => id))
    await Promise.allSettled(
      closing.map(async (connection) => {
        logger.debug('idle-connection-closed', { peer: connection.remotePeer.toString() })
        await connection.close()
      }),
    )
  }
  // A connection is idle when two turns find it without a stream. A lookup between them is missed, at the cost of a dial.
  return every(clock, limits.idleConnectionMs, turn, (error) =>
    logger.debug('idle-connections-failed', { reason: messageOf(error) }),
  )
}

/** A connection through both routers waits for the next channel, while the relayed one beside it has channels. */
const isBetterWay = (connection: Connection, ofPeer: readonly Connection[]): boolean =>
  isPunched(connection.remoteAddr.toString()) && ofPeer.some(({ streams }) => streams.length > 0)

/** Whether a peer has channels that are not streams, or one of the two relays for the other. */
export const usedBeyondStreams = (
  { direct, relay, addresses }: Pick<Libp2pTransportParts, 'direct' | 'relay' | 'addresses'>,
  peer: string,
): boolean => (direct?.count(peer) ?? 0) > 0 || relay?.holds(peer) === true || relaysIn(addresses()).has(peer)
