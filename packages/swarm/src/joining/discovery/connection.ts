import { messageOf, ShoalError, type SystemDependencies } from '@shoal/host'
import { hardwareRules } from '@shoal/membership'
import {
  createLibp2pTransport,
  withSelf,
  type Admission,
  type Directory,
  type Libp2pTransport,
  type Libp2pTransportOptions,
  type Transport,
} from '@shoal/network'
import { protocols } from '@shoal/protocol'
import { createDiscovery, type Discovery } from './discover.ts'
import { chosenPorts, readPorts, savePorts, withPorts } from './remembered-ports.ts'

/** mDNS name of Shoal's peers on a LAN. */
const serviceTag = '_shoal._tcp.local'

/** All interfaces of both families, a free port each. */
const lanAddresses = ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/0']

export interface ConnectionOptions {
  readonly listen: readonly string[]
  readonly lan: boolean
  /** Addresses told to other peers instead of those that are listened on. */
  readonly announce?: readonly string[] | undefined
  /** Addresses to dial instead of others: `shoal swarm` puts proxies there that imitate a network. */
  readonly dialInstead?: Readonly<Record<string, string>> | undefined
  /** Where the ports are remembered that the system chooses; absent for a peer that others need not find again. */
  readonly portFolder?: string | undefined
  /** Whether this peer holds the directory for others: nodes do, clients come and go. */
  readonly serveDirectory: boolean
  /**
   * Whether the peer never belongs to a swarm. Other peers then learn at once that it does not serve the members
   * protocol, and it needs no sockets for sessions.
   */
  readonly directoryOnly?: boolean | undefined
}

/** The part of the options that every peer that listens has: one that is told nothing listens on loopback. */
export function connectionOf(
  options: Pick<ConnectionOptions, 'listen' | 'lan' | 'announce' | 'dialInstead'>,
): Omit<ConnectionOptions, 'serveDirectory'> {
  const { listen, lan, announce, dialInstead } = options
  return {
    // `none`: nobody can dial this peer, which is then reached through relays.
    listen:
      listen.length === 0 && !lan ? ['/ip4/127.0.0.1/tcp/0'] : listen.filter((address) => address !== 'none'),
    lan,
    announce,
    dialInstead,
  }
}

/** Under which key a peer connects, and whom it admits. */
export interface ConnectionIdentity {
  readonly privateKey: Uint8Array
  /** Null where everybody may connect. */
  readonly admission: Admission | null
}

export interface Connection {
  readonly transport: Transport
  readonly directory: Directory
  readonly discovery: Discovery
}

/** This peer's transport: loopback unless asked otherwise; dials only when `listen` is empty and not `lan`. */
export async function openConnection(
  dependencies: SystemDependencies,
  options: ConnectionOptions,
  { privateKey, admission }: ConnectionIdentity,
): Promise<Connection> {
  const { clock } = dependencies
  const { directoryOnly = false } = options
  const libp2p = await listenAgain(dependencies, options, (listen) => ({
    privateKey,
    listen,
    ...(options.announce === undefined ? {} : { announce: options.announce }),
    ...(options.dialInstead === undefined ? {} : { dialInstead: options.dialInstead }),
    // Channels of these protocols get sockets of their own, since somebody waits for each of their frames.
    ...(directoryOnly
      ? {}
      : { direct: { protocols: [protocols.session, protocols.group], random: dependencies.random } }),
    relay: options.serveDirectory && !directoryOnly,
    ...(directoryOnly ? {} : { punch: { random: dependencies.random } }),
    directory: { rules: hardwareRules, serve: options.serveDirectory },
    ...(options.lan ? { mdns: { serviceTag } } : {}),
    ...(admission === null ? {} : { admission }),
  }))
  // Members are served only once the swarm's manifest is known, and others open that channel at once.
  const transport = withSelf(libp2p, clock, directoryOnly ? [] : [protocols.members])
  const { directory } = libp2p
  if (directory === null) throw new Error('a transport with the option has a directory')
  return { transport, directory, discovery: createDiscovery({ ...dependencies, libp2p, transport }) }
}

/** Listens at the ports of the last run, where these are known and free. */
async function listenAgain(
  { clock, logger }: SystemDependencies,
  { listen, lan, announce, portFolder }: ConnectionOptions,
  optionsFor: (listen: readonly string[]) => Omit<Libp2pTransportOptions, 'clock' | 'logger'>,
): Promise<Libp2pTransport> {
  const wanted = lan && listen.length === 0 ? lanAddresses : listen
  const create = (places: readonly string[]): Promise<Libp2pTransport> =>
    createLibp2pTransport({ clock, logger, ...optionsFor(places) })
  // Announced addresses do not tell where this peer listens.
  if (portFolder === undefined || announce !== undefined) return await create(wanted)
  const again = withPorts(wanted, readPorts(portFolder))
  const transport = await create(again).catch(async (error: unknown) => {
    if (again.join() === wanted.join() || !(error instanceof ShoalError) || error.code !== 'in-use')
      throw error
    const other = await create(wanted)
    logger.warn('port-taken', {
      wanted: again,
      used: other.addresses(),
      note: 'another program has the port of the last run, so that addresses noted then no longer lead to this node',
    })
    return other
  })
  try {
    savePorts(portFolder, chosenPorts(wanted, transport.addresses()))
  } catch (error) {
    logger.warn('not-kept', { what: 'ports', reason: messageOf(error) })
  }
  return transport
}
