import type { KadDHT, KadDHTComponents } from '@libp2p/kad-dht'
import type { Logger } from '@shoal/host'
import type { Standings } from '../../admission/standings.ts'
import type { Directory, DirectoryOptions } from '../../directory/directory.ts'
import type { Shelf } from '../../directory/shelf.ts'
import { isFunction } from '../speed-ups/report.ts'
import type { SwarmNode } from '../transport-parts.ts'
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
  standings: Standings,
): JoinedDirectory {
  let dht: KadDHT | undefined
  return {
    service: (components) => (dht = dhtService(shelf, rules, serve)(forMembers(components, standings))),
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

/** The parts of libp2p as kad-dht sees them: its handlers serve only peers whose role includes the directory. */
function forMembers(components: KadDHTComponents, standings: Standings): KadDHTComponents {
  const { registrar } = components
  const guarded: typeof registrar = new Proxy(registrar, {
    get(target, name) {
      if (name !== 'handle') {
        const value: unknown = Reflect.get(target, name, target)
        return isFunction(value) ? value.bind(target) : value
      }
      const handle: typeof registrar.handle = (protocol, handler, options) =>
        target.handle(
          protocol,
          (stream, connection) => {
            const refused = standings.refusalOf(connection.remotePeer.toString(), protocol)
            return refused === null ? handler(stream, connection) : stream.abort(refused)
          },
          options,
        )
      return handle
    },
  })
  return new Proxy(components, {
    get: (target, name): unknown => (name === 'registrar' ? guarded : Reflect.get(target, name, target)),
  })
}

async function learnOwnAddresses(node: SwarmNode): Promise<void> {
  if ((await node.peerStore.get(node.peerId)).addresses.length > 0) return
  const ownSuffix = `/p2p/${node.peerId.toString()}`
  await node.peerStore.patch(node.peerId, {
    multiaddrs: node.getMultiaddrs().map((address) => address.decapsulate(ownSuffix)),
  })
}
