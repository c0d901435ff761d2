import type { Identify } from '@libp2p/identify'
import type { Ed25519PrivateKey, Libp2p } from '@libp2p/interface'
import type { Ping } from '@libp2p/ping'
import type { Clock, Logger, Timer } from '@shoal/host'
import type { Admission } from '../admission/admission.ts'
import type { Standings } from '../admission/standings.ts'
import type { HeldFrames } from '../channel/held-frames.ts'
import type { Directory } from '../directory/directory.ts'
import type { DirectChannels } from '../direct/direct-channels.ts'
import type { Channel, Transport } from '../transport.ts'
import type { DialPolicy } from './dial-policy.ts'
import type { Punching } from './punch/punching.ts'
import type { RelayServer } from './relay/relay-server.ts'
import type { RelayedConnections } from './relay/relayed-connections.ts'
import type { SpeedUp } from './speed-ups/report.ts'

export type SwarmNode = Libp2p<{ identify: Identify; ping: Ping }>

export interface Libp2pTransport extends Transport {
  /** Calls `listener` each time mDNS hears of a peer; never without the `mdns` option. */
  onDiscovery(listener: HeardListener): void
  /** Speed-ups in use. Those of a kind of connection appear after the first connection of that kind. */
  readonly speedUps: ReadonlySet<SpeedUp>
  /** Null without the `directory` option. */
  readonly directory: Directory | null
  /** Number of channels to a peer with a socket of their own. */
  directChannels(peerId: string): number
}

export interface Libp2pTransportParts {
  readonly node: SwarmNode
  readonly privateKey: Ed25519PrivateKey
  readonly clock: Clock
  readonly logger: Logger
  readonly held: HeldFrames
  readonly policy: DialPolicy
  readonly addresses: () => readonly string[]
  readonly tried: NonNullable<Transport['tried']>
  /** Null when this node relays for nobody. */
  readonly relay: RelayServer | null
  /** Null for a transport without relayed connections. */
  readonly relayed: RelayedConnections | null
  /** Null for a transport that opens no connections through routers. */
  readonly punching: Punching | null
  /** Begins what is looked after all the time. */
  readonly upkeep: (parts: Libp2pTransportParts) => readonly Timer[]
  /** Tells the parts that keep places for members which peers these are. */
  readonly prefer: (isKnown: (peerId: string) => boolean) => void
  readonly speedUps: ReadonlySet<SpeedUp>
  readonly directory: Directory | null
  readonly standings: Standings
  /** Null where everybody may connect. */
  readonly admission: Admission | null
  /** Handlers by protocol, which this transport fills. */
  readonly handlers: Map<string, (channel: Channel) => void>
  /** Null when all channels are streams. */
  readonly direct: DirectChannels | null
  /** Calls back for each peer that mDNS hears of. */
  readonly onHeard: (listener: HeardListener) => void
}

export type HeardListener = (peerId: string, addresses: readonly string[]) => void
