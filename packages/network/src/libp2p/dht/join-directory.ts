import type { KadDHT, KadDHTComponents } from '@libp2p/kad-dht'
import type { Logger } from '@shoal/host'
import type { Directory, DirectoryOptions } from '../../directory/directory.ts'
import type { Shelf } from '../../directory/shelf.ts'
import type { SwarmNode } from '../transport.ts'
import { DhtDirectory } from './directory.ts'
import type { Datastore } from './held-entries.ts'
import { dhtService } from './service.ts'
import { createDhtStore } from './store.ts'

/** What a libp2p node needs to take part in the directory, and then the directory itself. */
export interface JoinedDirectory {
  /** libp2p calls it when it starts. */
  readonly service: (components: KadDHTComponents) => KadDHT
  readonly datastore: Datastore
  /** Null when libp2p has not made the service. */
  directoryOf(node: SwarmNode, logger: Logger): Directory | null
}

export function joinDirectory(
  { rules, serve }: DirectoryOptions,
  shelf: Shelf,
  ownId: string,
): JoinedDirectory {
  let dht: KadDHT | undefined
  return {
    service: (components) => (dht = dhtService(shelf, rules, serve)(components)),
    datastore: createDhtStore(shelf, ownId),
    directoryOf(node, logger) {
      if (dht === undefined) return null
      return new DhtDirectory({
        ownId,
        dht,
        shelf,
        rules,
        logger,
        isConnected: (peer) => node.getPeers().some((connected) => connected.toString() === peer),
        learnOwnAddresses: () => learnOwnAddresses(node),
      })
    },
  }
}

async function learnOwnAddresses(node: SwarmNode): Promise<void> {
  if ((await node.peerStore.get(node.peerId)).addresses.length > 0) return
  const ownSuffix = `/p2p/${node.peerId.toString()}`
  await node.peerStore.patch(node.peerId, {
    multiaddrs: node.getMultiaddrs().map((address) => address.decapsulate(ownSuffix)),
  })
}
