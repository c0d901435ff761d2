/** The parts of libp2p that a node is built from, and their limits. */
import { noise } from '@chainsafe/libp2p-noise'
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto'
import { identify } from '@libp2p/identify'
import { mdns } from '@libp2p/mdns'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '@shoal/host'
import type { Libp2pOptions } from 'libp2p'
import type { Admission } from '../admission/admission.ts'
import type { Standings } from '../admission/standings.ts'
import { limits } from '../limits.ts'
import { doorEncrypters } from './admission/door-encrypters.ts'
import { withEndedMuxers } from './ended-muxers.ts'
import { withGuardedDials } from './guarded-dials.ts'
import { HandshakePace, withPacedHandshakes } from './handshake-pace.ts'
import { withRawConnections } from './raw-connections.ts'
import { withRedirectedDials, type DialInstead } from './redirected-dials.ts'
import { createCachedKeyCrypto } from './speed-ups/cached-keys.ts'
import { withJoinedWrites } from './speed-ups/joined-writes.ts'
import { withLazyWindows } from './speed-ups/lazy-windows.ts'
import { withQuietLengths } from './speed-ups/quiet-lengths.ts'
import { quietMdns } from './quiet-mdns.ts'
import type { RelayedConnections } from './relay/relayed-connections.ts'
import type { SpeedUpReport } from './speed-ups/report.ts'
import type { HeardListener } from './transport-parts.ts'

/**
 * Window of a stream, which bounds the head-of-line blocking of a small frame by a transfer on another stream. An 8 KB
 * round trip beside a transfer on two busy cores took 30 to 68 ms with 4 MiB, 16 to 21 ms with 1 MiB and 5 to 10 ms with
 * 512 KiB, with no slower transfer. 512 KiB in flight still fill 200 Mbit/s at 20 ms.
 */
const streamWindowBytes = 512 * 1024

/** The longest timer of Node, 24 days. */
const neverMs = 2 ** 31 - 1

export interface ConnectionPartsOptions {
  readonly dialInstead: DialInstead | undefined
  /** Throws for a dial that must not be made now. */
  readonly guardDial: (address: Multiaddr) => void
  /** Told how each dial over TCP has ended. */
  readonly toldDial: (address: Multiaddr, error?: unknown) => void
  /** Null where everybody may connect. */
  readonly admission: Admission | null
  readonly standings: Standings
  /** Sees each raw connection before anything is read from it. */
  readonly watch: (connection: unknown) => void
  readonly clock: Clock
  readonly report: SpeedUpReport
  /** With the speed-ups of this package. */
  readonly fast: boolean
  /** Dials relayed addresses, and has slots at relays; null for a transport that does neither. */
  readonly relayed: RelayedConnections | null
}

/** What libp2p takes of these. */
type ConnectionParts = Required<Pick<Libp2pOptions, 'transports' | 'connectionEncrypters' | 'streamMuxers'>>

/** TCP, noise and yamux. */
export function connectionParts({
  dialInstead,
  guardDial,
  toldDial,
  admission,
  standings,
  watch,
  clock,
  report,
  fast,
  relayed,
}: ConnectionPartsOptions): ConnectionParts {
  const muxer = withEndedMuxers(
    yamux({
      streamOptions: { maxStreamWindowSize: streamWindowBytes },
      maxEarlyStreams: limits.earlyStreams,
      // The first one measures the round trip, by which windows grow; askQuietConnections asks for signs of life.
      keepAliveInterval: neverMs,
    }),
  )
  const connections = withGuardedDials(
    dialInstead === undefined ? tcp() : withRedirectedDials(tcp(), dialInstead),
    guardDial,
    toldDial,
  )
  if (fast) report.engaged('cached-keys')
  const crypto = fast ? createCachedKeyCrypto() : defaultCrypto
  const pace = new HandshakePace(clock)
  const encrypter = (made: ReturnType<typeof noise>): ReturnType<typeof noise> =>
    withPacedHandshakes(fast ? withQuietLengths(made, report) : made, pace)
  const noiseFor = (prologueBytes: Uint8Array) => encrypter(noise({ crypto, prologueBytes }))
  return {
    transports: [
      withRawConnections(fast ? withJoinedWrites(connections, report) : connections, watch),
      ...(relayed === null ? [] : [relayed.transport(watch)]),
    ],
    connectionEncrypters:
      admission === null
        ? [encrypter(noise({ crypto }))]
        : doorEncrypters({ admission, standings, clock, noiseFor }),
    streamMuxers: [fast ? withLazyWindows(muxer, report) : muxer],
  }
}

/** Services of every node. */
export const ownServices = {
  identify: identify(),
  // libp2p's connection monitor drops a connection whose ping fails: this package's pings must not use up its streams.
  ping: ping({
    maxInboundStreams: limits.channelsPerProtocol,
    maxOutboundStreams: limits.channelsPerProtocol,
  }),
}

export const connectionLimits = {
  connectionManager: {
    // The gate counts by peer and by network, once it knows them; these are for what has not come so far.
    maxConnections: limits.connections + limits.pendingConnections,
    inboundConnectionThreshold: limits.inboundConnectionsPerSecond,
    maxIncomingPendingConnections: 2 * limits.pendingConnections,
    inboundUpgradeTimeout: limits.handshakeMs,
    // Membership, not libp2p, decides which peers are dialled again.
    reconnectRetries: 0,
  },
  // Its pings take about 1,000 bytes each with the stream that they open, also where beats come all the time.
  connectionMonitor: { enabled: false },
}

/**
 * mDNS that calls `listeners` each time it hears of a peer. libp2p's own discovery event also fires for peers that were
 * met in other ways.
 */
export function hearingMdns(
  { serviceTag, intervalMs = 10_000 }: { readonly serviceTag: string; readonly intervalMs?: number },
  listeners: ReadonlySet<HeardListener>,
  clock: Pick<Clock, 'nowMs'>,
  isAlone: () => boolean,
): ReturnType<typeof mdns> {
  const discovery = mdns({ serviceTag, interval: intervalMs })
  return (components) => {
    const service = discovery(components)
    quietMdns(service, clock, isAlone)
    service.addEventListener('peer', ({ detail }) => {
      for (const listener of listeners) listener(detail.id.toString(), detail.multiaddrs.map(String))
    })
    return service
  }
}
