import type { ConnectionGater } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { atEndOfTurn, type Clock, type Logger, type Random, type Timer } from '@shoal/host'
import { createLibp2p } from 'libp2p'
import type { Admission } from '../admission/admission.ts'
import { Standings } from '../admission/standings.ts'
import { createHeldFrames, type HeldFrames } from '../channel/held-frames.ts'
import { createDirectChannels, type DirectChannels } from '../direct/direct-channels.ts'
import type { DirectoryOptions } from '../directory/directory.ts'
import { createShelf } from '../directory/shelf.ts'
import type { Channel } from '../transport.ts'
import { ipOf, parseAddress } from './address-book.ts'
import { ConnectionGate } from './connection-gate.ts'
import { joinDirectory, type JoinedDirectory } from './dht/join-directory.ts'
import { DialReports } from './dial-reports.ts'
import { DialPolicy, interfaceAddresses } from './dial-policy.ts'
import { listenFailure } from './failures.ts'
import { peerIdOfKey, readPeerKey } from './keys.ts'
import { closeIdleConnections, usedBeyondStreams } from './idle-connections.ts'
import { LoopTime } from './loop-time/loop-time.ts'
import { PacedReads } from './loop-time/paced-reads.ts'
import { PacedSockets } from './loop-time/paced-sockets.ts'
import { LostAddresses } from './lost-addresses.ts'
import { OwnAddresses } from './own-addresses.ts'
import {
  connectionLimits,
  connectionParts,
  hearingMdns,
  ownServices,
  type ConnectionPartsOptions,
} from './node-parts.ts'
import type { DialInstead } from './redirected-dials.ts'
import { askQuietConnections } from './quiet-connections.ts'
import { Punching, type PunchingOptions } from './punch/punching.ts'
import { RelayServer } from './relay/relay-server.ts'
import { RelayedConnections } from './relay/relayed-connections.ts'
import { SilentConnections } from './silent-connections.ts'
import { createSpeedUpReport } from './speed-ups/report.ts'
import { Libp2pNodeTransport } from './transport.ts'
import type { HeardListener, Libp2pTransport, Libp2pTransportParts, SwarmNode } from './transport-parts.ts'
import { UnprovenDials } from './unproven-dials.ts'

export interface Libp2pTransportOptions {
  /** From `createPeerKey`. */
  readonly privateKey: Uint8Array
  readonly clock: Clock
  readonly logger: Logger
  /** Multiaddrs to listen on; with `[]` the transport only dials. Default: any free port of 127.0.0.1. */
  readonly listen?: readonly string[]
  /** Addresses to announce in place of those listened on, such as a NAT mapping or a proxy. */
  readonly announce?: readonly string[]
  /** Addresses to dial in place of others, for shaped links. */
  readonly dialInstead?: DialInstead
  /** Discovers peers with the same tag by mDNS and announces this one. Default: off. */
  readonly mdns?: { readonly serviceTag: string; readonly intervalMs?: number }
  /** Protocols whose channels between near peers get a socket of their own; not where links have a shape or a proxy. Default: none. */
  readonly direct?: { readonly protocols: readonly string[]; readonly random: Random }
  /** Takes part in the directory of all Shoal peers. Default: off. */
  readonly directory?: DirectoryOptions
  /** Who may connect, and as what. Default: everybody, as a node. */
  readonly admission?: Admission
  /**
   * A door for strangers of the local network: serves the protocols that are handled and nothing else, neither identify nor
   * ping, and only to near addresses. Default: false.
   */
  readonly bare?: boolean
  /** Relays connections to members that nobody can dial. Default: false; relayed addresses of others are dialled anyway. */
  readonly relay?: boolean
  /**
   * Opens connections through routers to members that are connected through a relay, and helps others to do so where it
   * relays. Default: off.
   */
  readonly punch?: Pick<PunchingOptions, 'random' | 'reaches'> & Partial<Pick<PunchingOptions, 'mayDial'>>
  /** False leaves libp2p unmodified, for measurements. Default: true. */
  readonly speedUps?: boolean
}

/**
 * Starts listening.
 * @throws {ShoalError} `in-use` when a port is taken, `bad-request` when a key or an address cannot be read
 */
export async function createLibp2pTransport(options: Libp2pTransportOptions): Promise<Libp2pTransport> {
  const privateKey = readPeerKey(options.privateKey)
  const { clock, logger, listen = ['/ip4/127.0.0.1/tcp/0'] } = options
  const report = createSpeedUpReport(logger)
  const gate = new ConnectionGate({ nearOnly: options.bare ?? false })
  const heard = new Set<HeardListener>()
  const admission = options.admission ?? null
  const standings = new Standings(admission !== null)
  const joined = directoryFor(options, standings)
  const policy = new DialPolicy(() => node.getMultiaddrs())
  const dials = new UnprovenDials(clock)
  const reports = new DialReports(clock)
  const relay = options.relay === true ? new RelayServer(clock, logger) : null
  const relayed = options.bare === true ? null : new RelayedConnections()
  const own = new OwnAddresses()
  const sockets = new PacedSockets(new PacedReads(new LoopTime(clock, atEndOfTurn), clock))
  const lost = new LostAddresses(interfaceAddresses)
  const watch = watchingAll(sockets, lost)
  const punching = punchingOf(options, policy, dials, watch)
  let node: SwarmNode
  try {
    node = await createLibp2p({
      privateKey,
      addresses: { listen: [...listen], announce: [...(options.announce ?? [])] },
      ...connectionParts({
        dialInstead: options.dialInstead,
        ...dialsWith(policy, dials, reports),
        admission,
        standings,
        watch,
        clock,
        report,
        fast: options.speedUps ?? true,
        relayed,
      }),
      peerDiscovery: discoveryOf(options, heard, () => node.getConnections().length === 0),
      services: servicesOf(options.bare ?? false, joined, relay, own, punching),
      ...(joined === null ? {} : { datastore: joined.datastore }),
      ...connectionLimits,
      connectionGater: gaterOf(gate, policy, dials, sockets, relay),
    })
  } catch (error) {
    throw listenFailure(error, listen)
  }
  await attend(node, options, relay, punching)
  const handlers = new Map<string, (channel: Channel) => void>()
  const held = createHeldFrames()
  return new Libp2pNodeTransport({
    node,
    handlers,
    held,
    policy,
    addresses: () => own.of(node),
    tried: (peer) => reports.of(peer),
    relay,
    relayed,
    punching,
    upkeep: (parts) => [lost.start(clock, logger), ...upkeepOf(parts)],
    prefer: (isKnown) => [held, gate, sockets, relay, punching].forEach((part) => part?.prefer(isKnown)),
    direct: await directChannelsFor(options, listen, held, handlers, standings),
    standings,
    admission,
    privateKey,
    clock,
    logger,
    speedUps: report.names,
    directory: joined?.directoryOf(node, logger) ?? null,
    onHeard: (listener) => void heard.add(listener),
  })
}

const discoveryOf = (
  { mdns, clock }: Libp2pTransportOptions,
  heard: ReadonlySet<HeardListener>,
  isAlone: () => boolean,
): ReturnType<typeof hearingMdns>[] => (mdns === undefined ? [] : [hearingMdns(mdns, heard, clock, isAlone)])

const directoryFor = (
  { directory, clock, privateKey }: Libp2pTransportOptions,
  standings: Standings,
): JoinedDirectory | null =>
  directory === undefined
    ? null
    : joinDirectory(directory, createShelf(clock), peerIdOfKey(privateKey), standings)

/** Shows a raw connection to all that look at it before anything is read. */
const watchingAll =
  (...parts: readonly { watch(connection: unknown): void }[]) =>
  (connection: unknown): void => {
    for (const part of parts) part.watch(connection)
  }

/** What is looked after all the time. */
function upkeepOf(parts: Libp2pTransportParts): Timer[] {
  const { node, clock, logger, directory } = parts
  const inUse = (peer: string): boolean => usedBeyondStreams(parts, peer)
  const idle = directory === null ? [] : [closeIdleConnections(node, clock, logger, inUse)]
  return [...idle, askQuietConnections(node, clock, logger)]
}

/** What goes on beside a node that has started. */
async function attend(
  node: SwarmNode,
  { clock, logger }: Libp2pTransportOptions,
  relay: RelayServer | null,
  punching: Punching | null,
): Promise<void> {
  new SilentConnections(node, clock, logger).listen()
  if (relay === null) return
  node.addEventListener('peer:disconnect', ({ detail }) => relay.disconnected(detail))
  await punching?.tellAddresses()
}

/** Null where it is off, and with shaped links, which it would pass by. */
function punchingOf(
  { punch, dialInstead, clock, logger, admission }: Libp2pTransportOptions,
  policy: DialPolicy,
  dials: UnprovenDials,
  watch: (connection: unknown) => void,
): Punching | null {
  if (punch === undefined || dialInstead !== undefined) return null
  const mayDial = (address: Multiaddr): boolean => !policy.denies(address) && dials.take(address)
  const admits = admission !== undefined
  return new Punching({ clock, logger, watch, mayDial, interfaces: interfaceAddresses, admits, ...punch })
}

const dialsWith = (
  policy: DialPolicy,
  dials: UnprovenDials,
  reports: DialReports,
): Pick<ConnectionPartsOptions, 'guardDial' | 'toldDial'> => ({
  guardDial: (address) => guardDial(address, policy, dials),
  toldDial: (address, error) => reports.note(address, error),
})

/** @throws {Error} for a dial that must not be made now */
function guardDial(address: Multiaddr, policy: DialPolicy, dials: UnprovenDials): void {
  if (!policy.isNamed(address) && !dials.take(address))
    throw new Error('nobody has answered there, and it was dialled a short time ago')
}

/** What libp2p asks before it connects, and tells when a peer is authenticated. */
function gaterOf(
  gate: ConnectionGate,
  policy: DialPolicy,
  dials: UnprovenDials,
  sockets: PacedSockets,
  relay: RelayServer | null,
): ConnectionGater {
  return {
    denyInboundRelayReservation: (peer) => relay?.deniesSlot(peer) ?? true,
    denyInboundConnection: (connection) => gate.denies(connection),
    denyDialMultiaddr: (address) => policy.denies(address),
    denyInboundUpgradedConnection(peer, connection) {
      sockets.authenticated(connection, peer.toString())
      return gate.deniesPeer(peer, connection)
    },
    denyOutboundUpgradedConnection(peer, connection) {
      sockets.authenticated(connection, peer.toString())
      dials.proved(connection.remoteAddr)
      return false
    },
  }
}

/** A bare node has no service that others could use, and nothing here uses one of it. */
function servicesOf(
  bare: boolean,
  joined: JoinedDirectory | null,
  relay: RelayServer | null,
  own: OwnAddresses,
  punching: Punching | null,
): typeof ownServices {
  const ownAddresses = own.service()
  if (bare) return { ownAddresses } as unknown as typeof ownServices
  const services = { ...ownServices, ownAddresses }
  return {
    ...services,
    ...(joined === null ? {} : { dht: joined.service }),
    ...(relay === null ? {} : { relay: relay.service() }),
    ...(punching === null ? {} : { punching: punching.service() }),
  }
}

/** Null when all channels are streams, as at a peer with `announce`, which must be reached through those addresses only. */
async function directChannelsFor(
  { direct, announce, dialInstead, clock, logger }: Libp2pTransportOptions,
  listen: readonly string[],
  held: HeldFrames,
  handlers: ReadonlyMap<string, (channel: Channel) => void>,
  standings: Standings,
): Promise<DirectChannels | null> {
  if (direct === undefined || announce !== undefined || dialInstead !== undefined) return null
  return createDirectChannels(
    {
      clock,
      random: direct.random,
      held,
      logger,
      handlerOf: (protocol, peer) => (standings.mayOpen(peer, protocol) ? handlers.get(protocol) : undefined),
    },
    hostsOf(listen),
    direct.protocols,
  )
}

/** IP addresses of the multiaddrs that are listened on. */
function hostsOf(listen: readonly string[]): string[] {
  return listen.flatMap((text) => {
    const address = parseAddress(text)
    const host = address === undefined ? undefined : ipOf(address)
    return host === undefined ? [] : [host]
  })
}
