import type { Connection } from '@libp2p/interface'
import { messageOf } from '@shoal/host'

/** Ends a connection in order, or at once when that fails. */
export async function closeOrAbort(connection: Pick<Connection, 'close' | 'abort'>): Promise<void> {
  try {
    await connection.close()
  } catch (error) {
    connection.abort(error instanceof Error ? error : new Error(messageOf(error)))
  }
}
