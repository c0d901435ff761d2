import type { Connection, Libp2p } from '@libp2p/interface'
import { ShoalError, type Clock, type Logger } from '@shoal/host'
import { protocols } from '@shoal/protocol'
import type { Channel, PeerPath, Transport } from '../../transport.ts'
import { ipOf } from '../address-book.ts'
import { pathOf, relaysIn } from '../relay/path.ts'
import { onInternet, type Reaches } from './candidates.ts'
import { Puncher, type PuncherDependencies, type PuncherParts } from './puncher.ts'
import type { Place } from './stun-message.ts'
import { StunServer } from './stun-server.ts'

export interface PunchingOptions extends Omit<PuncherDependencies, 'reaches'> {
  /** Which addresses packets may be sent to. Default: those of the internet. */
  readonly reaches?: Reaches
  /** Whether all who connect have shown a grant: then those without a record are answered too. Default: false. */
  readonly admits?: boolean
}

/** What this package uses of libp2p's parts. */
interface Parts extends PuncherParts {
  readonly connectionManager: { getConnections(): Connection[] }
  readonly transportManager: { getAddrs(): ReturnType<Libp2p['getMultiaddrs']> }
}

/** Transports of this process that may hold connections of the native library. */
let inProcess = 0

/** Everything about connections through routers that one transport has. */
export class Punching {
  readonly #puncher: Puncher
  readonly #clock: Clock
  readonly #logger: Logger
  #parts: Parts | undefined
  #stun: StunServer | undefined
  readonly #admits: boolean
  #isKnown: (peer: string) => boolean = () => true

  constructor(options: PunchingOptions) {
    this.#admits = options.admits ?? false
    this.#puncher = new Puncher({ reaches: onInternet, ...options })
    this.#clock = options.clock
    this.#logger = options.logger
    inProcess += 1
  }

  /** For libp2p, which hands its parts to a service. */
  service(): (parts: Parts) => object {
    const inner = this.#puncher.service()
    return (parts) => {
      this.#parts = parts
      return inner(parts)
    }
  }

  /**
   * Which peers are members. In a swarm that anybody may enter only these are answered: who answers sends packets to
   * addresses that the other side names. Until this is told, all are members.
   */
  prefer(isKnown: (peer: string) => boolean): void {
    this.#isKnown = isKnown
  }

  /** Tells others under which addresses they appear, where this node relays for them. */
  async tellAddresses(): Promise<void> {
    this.#stun = new StunServer(this.#clock, this.#logger)
    const places = (this.#parts?.transportManager.getAddrs() ?? []).flatMap(
      (address) => placeIn(address) ?? [],
    )
    for (const { ip, port } of places) await this.#stun.listen(ip, port)
  }

  /** The path of a connection, and for a relayed one why it is not punched. */
  pathOf(connection: Connection): PeerPath {
    const path = pathOf(connection)
    const why = path.kind === 'relayed' ? this.#puncher.reasonOf(connection.remotePeer.toString()) : null
    return why === null ? path : { ...path, why }
  }

  /** @param own addresses of this node; see `Puncher.punch` */
  async punch(
    peer: string,
    open: Transport['open'],
    own: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const ask = (limit: AbortSignal) => open(peer, protocols.punch, { signal: limit })
    await this.#puncher.punch(peer, ask, this.#servers(peer, own), signal)
  }

  answer(channel: Channel, own: readonly string[]): void {
    const isMember = this.#isKnown(channel.remotePeer)
    if (!isMember && !this.#admits)
      return channel.abort(new ShoalError('not-admitted', 'only members connect through routers'))
    this.#puncher.answer(channel, isMember ? 'member' : 'guest', () => this.#servers(channel.remotePeer, own))
  }

  close(): void {
    this.#puncher.close()
    this.#stun?.close()
  }

  /** When all connections have ended: the last transport of a process ends the threads of the native library. */
  cleanUp(): void {
    inProcess -= 1
    if (inProcess === 0) this.#puncher.library?.cleanup()
  }

  /**
   * Relays of this node, and those between it and the peer: at the address and port at which this node is connected to
   * them, so that nobody can name other servers.
   */
  #servers(peer: string, own: readonly string[]): readonly Place[] {
    const connections = this.#parts?.connectionManager.getConnections() ?? []
    const between = connections.filter(({ remotePeer }) => remotePeer.toString() === peer).map(pathOf)
    const relays = new Set([...relaysIn(own), ...between.flatMap(({ relay }) => relay ?? [])])
    return connections
      .filter(({ remotePeer, direction }) => direction === 'outbound' && relays.has(remotePeer.toString()))
      .flatMap(({ remoteAddr }) => placeIn(remoteAddr) ?? [])
  }
}

/** Address and port of a TCP listener. */
function placeIn(address: Connection['remoteAddr']): Place | null {
  const ip = ipOf(address)
  const port = address.getComponents().find(({ name }) => name === 'tcp')?.value
  return ip === undefined || port === undefined ? null : { ip, port: Number(port) }
}
