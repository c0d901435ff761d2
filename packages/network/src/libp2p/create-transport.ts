import { noise } from '@chainsafe/libp2p-noise'
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto'
import { identify } from '@libp2p/identify'
import { mdns } from '@libp2p/mdns'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Clock, Logger, Random } from '@shoal/host'
import type { KadDHT, KadDHTComponents } from '@libp2p/kad-dht'
import { createLibp2p } from 'libp2p'
import { createDirectChannels } from '../direct/direct-channels.ts'
import type { DirectoryOptions } from '../directory.ts'
import { limits } from '../limits.ts'
import { createShelf } from '../shelf.ts'
import type { Channel } from '../transport.ts'
import { ipOf, parseAddress } from './address-book.ts'
import { createDhtDirectory } from './dht/directory.ts'
import { dhtService } from './dht/service.ts'
import { createDhtStore } from './dht/store.ts'
import { listenFailure } from './failures.ts'
import { peerIdOfKey, readPeerKey } from './keys.ts'
import { withRedirectedDials, type DialInstead } from './redirected-dials.ts'
import { createCachedKeyCrypto } from './speed-ups/cached-keys.ts'
import { withJoinedWrites } from './speed-ups/joined-writes.ts'
import { withLazyWindows } from './speed-ups/lazy-windows.ts'
import { withQuietLengths } from './speed-ups/quiet-lengths.ts'
import { createSpeedUpReport } from './speed-ups/report.ts'
import { Libp2pNodeTransport, type HeardListener, type Libp2pTransport, type SwarmNode } from './transport.ts'

export interface Libp2pTransportOptions {
  /** From `createPeerKey`. */
  readonly privateKey: Uint8Array
  readonly clock: Clock
  readonly logger: Logger
  /** Multiaddrs; `[]` only dials. Default: any free port of this machine's own 127.0.0.1. */
  readonly listen?: readonly string[]
  /** Told to others instead of what is listened on: a router's mapping, a proxy. */
  readonly announce?: readonly string[]
  /** What to dial instead of some addresses, for links that are given a shape. */
  readonly dialInstead?: DialInstead
  /** Finds peers with the same tag in the local network, and is found. Default: neither. */
  readonly mdns?: { readonly serviceTag: string; readonly intervalMs?: number }
  /** Protocols whose channels between near peers get a socket of their own; not where links have a shape or a proxy. Default: none. */
  readonly direct?: { readonly protocols: readonly string[]; readonly random: Random }
  /** Takes part in the directory of all Shoal peers. Default: not. */
  readonly directory?: DirectoryOptions
  /** False leaves libp2p as it is, for measurements. Default true. */
  readonly speedUps?: boolean
}

/**
 * A stream's window, and so what a transfer may put in front of a small frame on another channel. An 8 KB round trip
 * beside a transfer, two busy cores: 30 to 68 ms with 4 MiB, 16 to 21 with 1 MiB, 5 to 10 with 512 KiB, and the transfer
 * no slower. 512 KiB in flight still fill 200 Mbit/s at 20 ms.
 */
const streamWindowBytes = 512 * 1024

/**
 * Starts listening.
 * @throws {ShoalError} `in-use` when a port is taken, `bad-request` when a key or an address is none
 */
export async function createLibp2pTransport(options: Libp2pTransportOptions): Promise<Libp2pTransport> {
  const privateKey = readPeerKey(options.privateKey)
  const ownId = peerIdOfKey(options.privateKey)
  const listen = options.listen ?? ['/ip4/127.0.0.1/tcp/0']
  const report = createSpeedUpReport(options.logger)
  const fast = options.speedUps ?? true
  if (fast) report.engaged('cached-keys')

  const muxer = yamux({ streamOptions: { maxStreamWindowSize: streamWindowBytes } })
  const connections =
    options.dialInstead === undefined ? tcp() : withRedirectedDials(tcp(), options.dialInstead)
  const heard = new Set<HeardListener>()
  const shelf = createShelf(options.clock)
  const { directory, logger } = options
  const made: { dht?: KadDHT } = {}
  let node: SwarmNode
  try {
    node = await createLibp2p({
      privateKey,
      addresses: { listen: [...listen], announce: [...(options.announce ?? [])] },
      transports: [fast ? withJoinedWrites(connections, report) : connections],
      connectionEncrypters: [
        fast
          ? withQuietLengths(noise({ crypto: createCachedKeyCrypto() }), report)
          : noise({ crypto: defaultCrypto }),
      ],
      streamMuxers: [fast ? withLazyWindows(muxer, report) : muxer],
      peerDiscovery:
        options.mdns === undefined
          ? []
          : [
              tellingOf(
                mdns({ serviceTag: options.mdns.serviceTag, interval: options.mdns.intervalMs ?? 10_000 }),
                heard,
              ),
            ],
      services: {
        identify: identify(),
        // libp2p's own monitor pings each connection and drops it when that fails: a ping of ours must not take its stream.
        ping: ping({
          maxInboundStreams: limits.channelsPerProtocol,
          maxOutboundStreams: limits.channelsPerProtocol,
        }),
        ...(directory === undefined
          ? {}
          : {
              dht: (components: KadDHTComponents) =>
                (made.dht = dhtService(shelf, directory.rules, directory.serve)(components)),
            }),
      },
      ...(directory === undefined ? {} : { datastore: createDhtStore(shelf, ownId) }),
      connectionManager: {
        maxConnections: limits.connections,
        inboundConnectionThreshold: limits.inboundConnectionsPerSecond,
        maxIncomingPendingConnections: limits.pendingConnections,
        // Who comes back, and when, is for membership to decide.
        reconnectRetries: 0,
      },
      // Beats tell sooner that a peer hangs; this only removes connections that no packet passes any more. A stop of the
      // event loop for some seconds must not cost a connection (the default is 5 s).
      connectionMonitor: { pingInterval: 10_000, pingTimeout: { minTimeout: 15_000 } },
    })
  } catch (error) {
    throw listenFailure(error, listen)
  }
  const isConnected = (peer: string): boolean =>
    node.getPeers().some((connected) => connected.toString() === peer)
  const learnOwnAddresses = async (): Promise<void> => {
    if ((await node.peerStore.get(node.peerId)).addresses.length > 0) return
    await node.peerStore.patch(node.peerId, {
      multiaddrs: node.getMultiaddrs().map((address) => address.decapsulate(`/p2p/${ownId}`)),
    })
  }
  const handlers = new Map<string, (channel: Channel) => void>()
  // What announces other addresses than its own is to be reached through those only.
  const reachable = options.announce === undefined && options.dialInstead === undefined
  const direct =
    options.direct === undefined || !reachable
      ? null
      : await createDirectChannels(
          {
            clock: options.clock,
            random: options.direct.random,
            logger,
            handlerOf: (protocol) => handlers.get(protocol),
          },
          hostsOf(listen),
          options.direct.protocols,
        )
  return new Libp2pNodeTransport({
    node,
    handlers,
    direct,
    privateKey,
    clock: options.clock,
    logger,
    speedUps: report.names,
    directory:
      directory === undefined || made.dht === undefined
        ? null
        : createDhtDirectory({
            ownId,
            dht: made.dht,
            shelf,
            rules: directory.rules,
            logger,
            isConnected,
            learnOwnAddresses,
          }),
    onHeard: (listener) => void heard.add(listener),
  })
}

/** libp2p's own event of a discovery comes for every peer that is met in any way; this one only for those that mDNS hears of. */
function tellingOf(
  discovery: ReturnType<typeof mdns>,
  listeners: ReadonlySet<HeardListener>,
): ReturnType<typeof mdns> {
  return (components) => {
    const service = discovery(components)
    service.addEventListener('peer', ({ detail }) => {
      for (const listener of listeners) listener(detail.id.toString(), detail.multiaddrs.map(String))
    })
    return service
  }
}

/** The IP addresses that are listened at. */
function hostsOf(listen: readonly string[]): string[] {
  return listen.flatMap((text) => {
    const address = parseAddress(text)
    const host = address === undefined ? undefined : ipOf(address)
    return host === undefined ? [] : [host]
  })
}
