import type { Connection } from '@libp2p/interface'
import { messageOf, type Logger } from '@shoal/host'
import { wrongVersion } from '../errors.ts'
import type { SwarmNode } from './transport-parts.ts'

/** What a peer speaks. It is asked again, since the protocols that identify reported may be missing or outdated. */
async function protocolsOf(
  node: SwarmNode,
  connection: Connection,
  logger: Logger,
  signal: AbortSignal,
): Promise<readonly string[]> {
  try {
    return (await node.services.identify.identify(connection, { signal })).protocols
  } catch (error) {
    logger.debug('identify-failed', { peer: connection.remotePeer.toString(), reason: messageOf(error) })
    return []
  }
}

/** What to throw when a peer does not speak a protocol: it names what the peer speaks. */
export const unspoken = async (
  node: SwarmNode,
  connection: Connection,
  protocol: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<Error> =>
  wrongVersion(
    connection.remotePeer.toString(),
    protocol,
    await protocolsOf(node, connection, logger, signal),
  )
