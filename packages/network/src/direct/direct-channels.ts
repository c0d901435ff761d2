import { messageOf, ShoalError, timeLimit, type Clock, type Logger, type Random } from '@shoal/host'
import { decodeDirect, encodeDirect, type DirectOffer } from '@shoal/protocol'
import { firstCredit } from '../channel/first-credit.ts'
import type { HeldFrames } from '../channel/held-frames.ts'
import { limits } from '../limits.ts'
import type { Channel, DirectPlace } from '../transport.ts'
import { askForOffer } from './ask-for-offer.ts'
import { Attempts } from './attempts.ts'
import { ChannelsByPeer } from './channels-by-peer.ts'
import { isNear, reaches } from './near.ts'
import { createOffers, type Offers } from './offers.ts'
import { createSocketChannel } from './socket-channel.ts'
import { connectDirect, listenDirect, type DirectServer } from './tls.ts'

export interface DirectDependencies {
  readonly clock: Clock
  readonly logger: Logger
  /** Unpredictable: keys come from it. */
  readonly random: Random
  /** To which frames are charged. */
  readonly held: HeldFrames
  /** The handler of a channel that a peer opens; undefined where nobody serves the protocol, or not for this peer. */
  handlerOf(protocol: string, peer: string): ((channel: Channel) => void) | undefined
}

/**
 * Channels with a socket of their own, between near peers, for frames that somebody waits for. Such a frame takes a
 * third of the time that a stream through yamux, noise and libp2p takes, and no transfer of weights blocks the line in
 * front of it. The peers authenticate each other over the noise connection; where no direct connection can be made, the
 * stream serves.
 */
export interface DirectChannels {
  /**
   * Whether asking the peer for a direct channel can succeed.
   * @param address IP address of the peer, as the connection has it
   */
  isWorth(peer: string, protocol: string, address: string | undefined): boolean
  /**
   * Asks over the channel that `ask` opens (it rejects with `wrong-version` when the peer does not speak the protocol of
   * asking), and closes that channel afterwards.
   * @returns null when there is no direct way; a peer that has none for a reason that lasts is not asked again for a while
   */
  open(
    peer: string,
    protocol: string,
    address: string,
    ask: (signal: AbortSignal) => Promise<Channel>,
    signal: AbortSignal,
  ): Promise<Channel | null>
  /** Answers a peer that asks over `channel`. */
  answer(channel: Channel, address: string | undefined): void
  /** How a peer at this address is reached; null when it is not near. */
  place(address: string | undefined): DirectPlace | null
  /** Number of open direct channels to the peer. */
  count(peer: string): number
  /** The connection to a peer is gone: this ends what was settled over it, or is being settled. */
  forget(peer: string): void
  close(): void
}

/**
 * @param hosts IP addresses to listen at; with none it only opens channels
 * @param protocols whose channels are worth a socket
 */
export async function createDirectChannels(
  dependencies: DirectDependencies,
  hosts: readonly string[],
  protocols: readonly string[],
): Promise<DirectChannels> {
  const direct = new SocketChannels(dependencies, protocols)
  for (const host of new Set(hosts)) await direct.listen(host)
  return direct
}

class SocketChannels implements DirectChannels {
  readonly #dependencies: DirectDependencies
  readonly #protocols: readonly string[]
  readonly #offers: Offers
  readonly #attempts: Attempts
  readonly #servers: DirectServer[] = []
  readonly #channels = new ChannelsByPeer()

  constructor(dependencies: DirectDependencies, protocols: readonly string[]) {
    this.#dependencies = dependencies
    this.#protocols = protocols
    this.#offers = createOffers(dependencies.clock, dependencies.random)
    this.#attempts = new Attempts(dependencies.clock)
  }

  /** An address that cannot be listened at is logged, and left out. */
  async listen(host: string): Promise<void> {
    const { clock, held, logger } = this.#dependencies
    try {
      const server = await listenDirect(
        host,
        this.#offers,
        (socket, { peer, protocol }) => {
          const credit = firstCredit(protocol, 'acceptor')
          const channel = createSocketChannel(socket, peer, protocol, credit, held, clock, logger)
          this.#channels.add(channel)
          this.#serve(channel)
        },
        logger,
      )
      this.#servers.push(server)
    } catch (error) {
      logger.warn('direct-listener-failed', { host, reason: messageOf(error) })
    }
  }

  /** As on a stream, a handler that fails ends its channel, and not this process. */
  #serve(channel: Channel): void {
    try {
      const handler = this.#dependencies.handlerOf(channel.protocol, channel.remotePeer)
      if (handler === undefined) throw new ShoalError('not-ready', `nobody serves ${channel.protocol}`)
      handler(channel)
    } catch (error) {
      channel.abort(error instanceof Error ? error : new Error(messageOf(error)))
    }
  }

  isWorth(peer: string, protocol: string, address: string | undefined): boolean {
    return (
      this.#protocols.includes(protocol) &&
      address !== undefined &&
      isNear(address) &&
      this.#attempts.isWorth(peer)
    )
  }

  async open(
    peer: string,
    protocol: string,
    address: string,
    ask: (signal: AbortSignal) => Promise<Channel>,
    signal: AbortSignal,
  ): Promise<Channel | null> {
    const { clock, held, logger } = this.#dependencies
    const gone = this.#attempts.begin(peer)
    const limit = timeLimit(
      clock,
      limits.directConnectMs,
      () =>
        new ShoalError(
          'deadline-passed',
          `no direct connection to ${peer} within ${limits.directConnectMs} ms`,
        ),
      AbortSignal.any([signal, gone.signal]),
    )
    let offer: DirectOffer | undefined
    try {
      offer = await askForOffer(await ask(limit.signal), protocol, logger, limit.signal)
      const socket = await connectDirect(address, offer, limit.signal)
      if (limit.signal.aborted) socket.destroy()
      limit.signal.throwIfAborted()
      const credit = firstCredit(protocol, 'opener')
      const channel = createSocketChannel(socket, peer, protocol, credit, held, clock, logger)
      this.#channels.add(channel)
      return channel
    } catch (error) {
      signal.throwIfAborted()
      if ((offer !== undefined || lasts(error)) && !gone.signal.aborted) this.#attempts.failedForAWhile(peer)
      logger.debug('no-direct-channel', { peer, protocol, reason: messageOf(error) })
      return null
    } finally {
      limit.clear()
      this.#attempts.end(gone)
    }
  }

  answer(channel: Channel, address: string | undefined): void {
    channel.onFrame(async (frame) => {
      try {
        await channel.send(...this.#answerTo(channel, frame, address))
      } catch (error) {
        if (error instanceof ShoalError && error.code === 'no-capacity')
          await channel.send(...refused(error.code, error.message))
        else throw error
      }
    })
  }

  #answerTo(channel: Channel, frame: Uint8Array, address: string | undefined): FrameParts {
    const message = decodeDirect(frame)
    if (message.type !== 'direct-ask')
      throw new ShoalError('bad-frame', `'${message.type}' does not open a direct channel`)
    const server =
      address === undefined ? undefined : this.#servers.find(({ host }) => reaches(address, host))
    const peer = channel.remotePeer
    if (server === undefined || address === undefined || !isNear(address))
      return refused('bad-request', 'no direct connection from there')
    const served = this.#dependencies.handlerOf(message.channel, peer) !== undefined
    if (!this.#protocols.includes(message.channel) || !served)
      return refused('not-ready', `${message.channel} has no direct channels`)
    if (this.#channels.count(peer) >= limits.channelsPerProtocol)
      return refused('no-capacity', `${limits.channelsPerProtocol} direct channels are open already`)
    const { identity, key } = this.#offers.make(peer, message.channel)
    return encodeDirect({ type: 'direct-offer', port: server.port, identity, key })
  }

  place(address: string | undefined): DirectPlace | null {
    if (address === undefined || !isNear(address)) return null
    return { address, host: this.#servers.find(({ host }) => reaches(address, host))?.host ?? null }
  }

  count(peer: string): number {
    return this.#channels.count(peer)
  }

  forget(peer: string): void {
    const error = new ShoalError('peer-vanished', `the connection to ${peer} is gone`)
    this.#offers.withdraw(peer)
    this.#attempts.forget(peer, error)
    this.#channels.abort(peer, error)
  }

  close(): void {
    this.#offers.close()
    for (const server of this.#servers) server.close()
    const error = new ShoalError('cancelled', 'the transport is closed')
    this.#attempts.close(error)
    this.#channels.abortAll(error)
  }
}

/**
 * Whether asking again soon would fail in the same way: the peer makes no offers to our address, or does not know the
 * protocol. (An offer that leads nowhere lasts too.) All other failures pass.
 */
const lasts = (error: unknown): boolean =>
  error instanceof ShoalError && (error.code === 'bad-request' || error.code === 'wrong-version')

type FrameParts = ReturnType<typeof encodeDirect>

const refused = (code: 'no-capacity' | 'bad-request' | 'not-ready', message: string): FrameParts =>
  encodeDirect({ type: 'refused', code, message, definite: true })
