import type { Connection } from '@libp2p/interface'
import { messageOf, type Logger } from '@shoal/host'
import type { SwarmNode } from './transport-parts.ts'

/** What a peer speaks. It is asked again, since the protocols that identify reported may be missing or outdated. */
export async function protocolsOf(
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
