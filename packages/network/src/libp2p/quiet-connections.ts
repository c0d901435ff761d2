import type { Connection } from '@libp2p/interface'
import { every, messageOf, ShoalError, timeLimit, type Clock, type Logger, type Timer } from '@shoal/host'
import { limits } from '../limits.ts'
import { measureRoundTrip } from './ping.ts'
import { bytesReadOn, type Ask, type ConnectedNode } from './silent-connections.ts'

/**
 * Asks for a sign of life on connections on which nothing comes, and resets those that give none. On a connection between
 * members beats come all the time, so nothing is asked there: libp2p's own monitor and yamux ask on every connection, which
 * took idle nodes 30 B/s each.
 */
export function askQuietConnections(
  node: Pick<ConnectedNode, 'getConnections'>,
  clock: Clock,
  logger: Logger,
  ask: Ask = (connection, signal) => measureRoundTrip(connection, clock, signal),
): Timer {
  let readBefore = new Map<Connection, number>()
  let turns = 0

  const check = async (connection: Connection): Promise<void> => {
    const peer = connection.remotePeer.toString()
    const late = (): ShoalError => new ShoalError('peer-vanished', `${peer} gives no sign of life`)
    const limit = timeLimit(clock, limits.quietAnswerMs, late)
    try {
      await ask(connection, limit.signal)
    } catch (error) {
      // Somebody who does not speak the protocol of pings has answered too.
      if (!limit.signal.aborted || connection.status !== 'open') return
      logger.info('quiet-connection', { peer, reason: messageOf(error) })
      connection.abort(late())
    } finally {
      limit.clear()
    }
  }

  const turn = (): void => {
    turns += 1
    const read = new Map<Connection, number>()
    for (const connection of node.getConnections()) {
      if (connection.status !== 'open') continue
      const bytes = bytesReadOn(connection)
      if (bytes !== undefined) read.set(connection, bytes)
      const isQuiet =
        bytes === undefined ? turns % limits.hiddenSocketTurns === 0 : readBefore.get(connection) === bytes
      if (isQuiet) void check(connection)
    }
    readBefore = read
  }
  return every(clock, limits.quietConnectionMs, turn, (error) =>
    logger.warn('quiet-connections-failed', { reason: messageOf(error) }),
  )
}
