import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandContext } from '../../cli/context.ts'
import type { NodeOptions, ServingPeer, SwarmFunctions } from '../../swarm-port.ts'
import type { TabPeer, TabPeerOptions } from './tab-session.ts'

/** Time in which the peer of a tab enters a private swarm. */
const inviteSeconds = 300

/** Where the peers of tabs keep keys and weights, below the data directory, while they run. */
const folderOf = (dataFolder: string): string => join(dataFolder, 'tabs')

/** Removes what peers of tabs have left behind when their process was killed. */
export function sweepTabFolders(dataFolder: string): void {
  rmSync(folderOf(dataFolder), { recursive: true, force: true, maxRetries: 10 })
}

/**
 * Starts a peer for a tab in this process. It has a key and a record of its own, joins at this node's addresses, and
 * fetches weights as every peer does; what it has is removed when it ends.
 */
export async function startTabPeer(
  context: CommandContext,
  swarm: SwarmFunctions,
  { node, listen, lan }: { readonly node: ServingPeer } & Pick<NodeOptions, 'listen' | 'lan'>,
  name: string,
  options: TabPeerOptions,
): Promise<TabPeer> {
  const dataFolder = join(folderOf(context.dataFolder), name)
  const remove = (): void => rmSync(dataFolder, { recursive: true, force: true, maxRetries: 10 })
  remove()
  try {
    const peer = await swarm.startNode(context, {
      ...options,
      dataFolder,
      listen: listen.map((address) => address.replace(/\/tcp\/\d+/, '/tcp/0')),
      lan,
      manifestId: node.manifest.id,
      join:
        node.privateSwarm === null
          ? node.addresses()
          : [node.privateSwarm.invite({ role: 'node', uses: 1, seconds: inviteSeconds }).code],
      // What a tab holds is gone with it: no copies for others.
      spareDiskBytes: 0,
    })
    return {
      peerId: peer.peerId,
      blocks: () => peer.blocks(),
      status: () => peer.status(),
      leave: (signal) => peer.leave(signal),
      vanish: () => peer.vanish().finally(remove),
      close: () => peer.close().finally(remove),
    }
  } catch (error) {
    remove()
    throw error
  }
}
