import type { Connection, Ed25519PrivateKey, Stream } from '@libp2p/interface'
import { ShoalError, messageOf, type Clock, type Logger, type Timer } from '@shoal/host'
import { protocols } from '@shoal/protocol'
import type { PeerStanding } from '../admission/admission.ts'
import type { Standings } from '../admission/standings.ts'
import { firstCredit } from '../channel/first-credit.ts'
import type { HeldFrames } from '../channel/held-frames.ts'
import type { Directory } from '../directory/directory.ts'
import type { DirectChannels } from '../direct/direct-channels.ts'
import { badAddress, peerVanished, wrongVersion } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Channel, DirectPlace, PeerPath } from '../transport.ts'
import { stopAddressTimer } from './address-timer.ts'
import { createAddressBook, ipOf, parseAddress, peerIn } from './address-book.ts'
import { closeOrAbort } from './close-or-abort.ts'
import type { DialPolicy } from './dial-policy.ts'
import { dialFaster } from './faster-connection.ts'
import { dialFailure, isUnsupportedProtocol } from './failures.ts'
import { verifySignature } from './keys.ts'
import { measureRoundTrip } from './ping.ts'
import { knockAt } from './knock.ts'
import type { Punching } from './punch/punching.ts'
import { unspoken } from './protocols-of.ts'
import { dialDirectly } from './relay/dial-directly.ts'
import { directFirst, pathOf, payerOf } from './relay/path.ts'
import type { RelayedConnections } from './relay/relayed-connections.ts'
import type { SpeedUp } from './speed-ups/report.ts'
import { createStreamChannel } from './stream-channel.ts'
import type { HeardListener, Libp2pTransport, Libp2pTransportParts, SwarmNode } from './transport-parts.ts'

export class Libp2pNodeTransport implements Libp2pTransport {
  readonly peerId: string
  readonly speedUps: ReadonlySet<SpeedUp>
  readonly directory: Directory | null
  readonly prefer: Libp2pTransportParts['prefer']
  readonly #onHeard: Libp2pTransportParts['onHeard']
  readonly #node: SwarmNode
  readonly #privateKey: Ed25519PrivateKey
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #held: HeldFrames
  readonly #policy: DialPolicy
  readonly addresses: () => readonly string[]
  readonly tried: Libp2pTransportParts['tried']
  readonly #book = createAddressBook()
  readonly #handlers: Libp2pTransportParts['handlers']
  readonly #direct: DirectChannels | null
  readonly #standings: Standings
  readonly #relayed: RelayedConnections | null
  readonly #punching: Punching | null
  readonly #timers: Timer[] = []
  #closing: Promise<void> | undefined

  constructor(parts: Libp2pTransportParts) {
    this.peerId = parts.node.peerId.toString()
    this.speedUps = parts.speedUps
    this.directory = parts.directory
    this.#onHeard = parts.onHeard
    this.#handlers = parts.handlers
    this.#direct = parts.direct
    this.#standings = parts.standings
    this.#relayed = parts.relayed
    this.#punching = parts.punching
    parts.admission?.onEnded((peerId) => this.#evict(peerId))
    const { direct, punching } = parts
    this.#timers.push(...parts.upkeep(parts))
    this.#node = parts.node
    this.#privateKey = parts.privateKey
    this.#clock = parts.clock
    this.#logger = parts.logger
    this.#held = parts.held
    this.#policy = parts.policy
    this.addresses = parts.addresses
    this.tried = parts.tried
    this.prefer = parts.prefer
    if (punching !== null)
      this.#serve(protocols.punch, (channel) => punching.answer(channel, parts.addresses()))
    if (direct === null) return
    parts.node.addEventListener('peer:disconnect', (event) => direct.forget(event.detail.toString()))
    this.#serve(protocols.direct, (channel, address) => direct.answer(channel, address))
  }

  async dial(address: string, options: { signal: AbortSignal }): Promise<string> {
    this.#requireOpen()
    options.signal.throwIfAborted()
    const parsed = parseAddress(address)
    if (parsed === undefined) throw badAddress(address)
    try {
      const connection = await this.#policy.named(parsed, () => this.#node.dial(parsed, options))
      const peerId = connection.remotePeer.toString()
      if (!this.#book.knows(peerId)) this.learn(peerId, [address])
      return peerId
    } catch (error) {
      throw dialFailure(error, peerIn(parsed) ?? 'the peer', [address], options.signal)
    }
  }

  learn(peerId: string, addresses: readonly string[]): void {
    this.#book.learn(peerId, addresses)
  }

  async open(peerId: string, protocol: string, options: { signal: AbortSignal }): Promise<Channel> {
    this.#requireOpen()
    options.signal.throwIfAborted()
    for (let attempt = 1; ; attempt += 1) {
      const connection = await this.#connectionTo(peerId, options.signal)
      const direct = await this.#openDirect(connection, protocol, options.signal)
      if (direct !== null) return direct
      try {
        return await this.#openStream(connection, protocol, options.signal)
      } catch (error) {
        if (options.signal.aborted) throw options.signal.reason
        if (isUnsupportedProtocol(error))
          throw await unspoken(this.#node, connection, protocol, this.#logger, options.signal)
        if (attempt === limits.openAttempts || connection.status === 'open')
          throw peerVanished(peerId, `did not open ${protocol}`, error)
      }
    }
  }

  async #openStream(connection: Connection, protocol: string, signal: AbortSignal): Promise<Channel> {
    const stream = await connection.newStream(protocol, {
      signal,
      maxOutboundStreams: limits.channelsPerProtocol,
    })
    return this.#channelOf(stream, connection, 'opener')
  }

  #channelOf(stream: Stream, connection: Connection, side: 'opener' | 'acceptor'): Channel {
    return createStreamChannel(
      stream,
      connection.remotePeer.toString(),
      firstCredit(stream.protocol, side),
      this.#held,
      this.#clock,
      this.#logger,
    )
  }

  async #openDirect(connection: Connection, protocol: string, signal: AbortSignal): Promise<Channel | null> {
    const [peerId, address] = [connection.remotePeer.toString(), ipOf(connection.remoteAddr)]
    if (address === undefined || this.#direct?.isWorth(peerId, protocol, address) !== true) return null
    const ask = async (limit: AbortSignal): Promise<Channel> => {
      try {
        return await this.#openStream(connection, protocols.direct, limit)
      } catch (error) {
        throw isUnsupportedProtocol(error) ? wrongVersion(peerId, protocols.direct, []) : error
      }
    }
    return await this.#direct.open(peerId, protocol, address, ask, signal)
  }

  async #connectionTo(peerId: string, signal: AbortSignal): Promise<Connection> {
    const existing = this.#connections(peerId)[0]
    if (existing !== undefined) return existing
    const addresses = this.#book.find(peerId)
    if (addresses.length === 0) throw peerVanished(peerId, 'cannot be reached: no address of it is known')
    try {
      return await this.#node.dial(addresses, { signal })
    } catch (error) {
      throw dialFailure(error, peerId, addresses.map(String), signal)
    }
  }

  /** The open connections to a peer: direct ones first, then the newest, since an older one may be dead at its other end. */
  #connections(peerId: string): Connection[] {
    return this.#node
      .getConnections()
      .filter((connection) => connection.status === 'open' && connection.remotePeer.toString() === peerId)
      .sort(directFirst)
  }

  path(peerId: string): PeerPath | null {
    const connection = this.#connections(peerId)[0]
    return connection === undefined ? null : (this.#punching?.pathOf(connection) ?? pathOf(connection))
  }

  async upgrade(peerId: string, { signal }: { signal: AbortSignal }): Promise<void> {
    await dialDirectly(this.#node, peerId, this.#book.find(peerId), signal)
  }

  async quicken(peerId: string, { signal }: { signal: AbortSignal }): Promise<boolean> {
    return dialFaster(peerId, this.#book.find(peerId), this.#node, this.#clock, this.#logger, signal)
  }

  async knock(peerId: string, address: string, { signal }: { signal: AbortSignal }): Promise<boolean> {
    this.#requireOpen()
    return knockAt(this.#connections(peerId)[0]?.remoteAddr, address, signal)
  }

  async punch(peerId: string, { signal }: { signal: AbortSignal }): Promise<void> {
    await this.#punching?.punch(peerId, this.open.bind(this), this.addresses(), signal)
  }

  async reserve(relay: string): Promise<void> {
    this.#requireOpen()
    await this.#relayed?.reserve(relay)
  }

  handle(protocol: string, onChannel: (channel: Channel) => void): void {
    const known = this.#handlers.has(protocol)
    this.#handlers.set(protocol, onChannel)
    if (!known) this.#serve(protocol, (channel) => this.#handlers.get(protocol)?.(channel))
  }

  #serve(protocol: string, serve: (channel: Channel, address: string | undefined) => void): void {
    const onStream = (stream: Stream, connection: Connection): void => {
      const refused = this.#standings.refusalOf(connection.remotePeer.toString(), protocol)
      if (refused !== null) return stream.abort(refused)
      serve(this.#channelOf(stream, connection, 'acceptor'), ipOf(connection.remoteAddr))
    }
    const most = limits.channelsPerProtocol
    const options = { maxInboundStreams: most, maxOutboundStreams: most }
    // The handler is in place when this returns; the promise only covers the update of peers that have identified this one.
    this.#node.handle(protocol, onStream, options).catch((error: unknown) => {
      this.#logger.warn('protocol-unannounced', { protocol, reason: messageOf(error) })
    })
  }

  networkOf(peerId: string): string | null {
    const connection = this.#connections(peerId)[0]
    return connection === undefined ? null : payerOf(connection)
  }

  readonly connected = (): readonly string[] => this.#node.getPeers().map(String)

  onConnect(listener: (peerId: string) => void): void {
    this.#node.addEventListener('peer:connect', (event) => listener(event.detail.toString()))
  }

  onDisconnect(listener: (peerId: string) => void): void {
    this.#node.addEventListener('peer:disconnect', (event) => listener(event.detail.toString()))
  }

  direct(peerId: string): DirectPlace | null {
    const connection = this.#connections(peerId)[0]
    return connection === undefined ? null : (this.#direct?.place(ipOf(connection.remoteAddr)) ?? null)
  }

  directChannels(peerId: string): number {
    return this.#direct?.count(peerId) ?? 0
  }

  onDiscovery(listener: HeardListener): void {
    this.#onHeard(listener)
  }

  async ping(peerId: string, options: { signal: AbortSignal }): Promise<number> {
    this.#requireOpen()
    const connection = await this.#connectionTo(peerId, options.signal)
    try {
      return await measureRoundTrip(connection, this.#clock, options.signal)
    } catch (error) {
      if (options.signal.aborted) throw options.signal.reason
      throw peerVanished(peerId, 'did not answer a ping', error)
    }
  }

  standing(peerId: string): PeerStanding | null {
    return this.#standings.of(peerId)
  }

  /** Its grant has ended: no orderly end, during which it could go on. */
  #evict(peerId: string): void {
    this.#standings.ended(peerId)
    const error = new ShoalError('not-admitted', `the grant of ${peerId} has ended`)
    for (const connection of this.#connections(peerId)) connection.abort(error)
  }

  async hangUp(peerId: string): Promise<void> {
    await Promise.all(this.#connections(peerId).map(closeOrAbort))
  }

  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    return await this.#privateKey.sign(bytes)
  }

  verify(peerId: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
    return verifySignature(peerId, bytes, signature)
  }

  close(): Promise<void> {
    this.#closing ??= this.#stop()
    return this.#closing
  }

  async #stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    this.#direct?.close()
    this.#punching?.close()
    await this.#node.stop()
    this.#punching?.cleanUp()
    stopAddressTimer(this.#node)
  }

  #requireOpen(): void {
    if (this.#closing !== undefined)
      throw new ShoalError('cancelled', `the transport of ${this.peerId} is closed`)
  }
}
