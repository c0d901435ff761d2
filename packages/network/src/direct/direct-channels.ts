import {
  isErrorCode,
  messageOf,
  ShoalError,
  timeLimit,
  type Clock,
  type Logger,
  type Random,
} from '@shoal/host'
import { decodeDirect, encodeDirect, type DirectOffer } from '@shoal/protocol'
import { limits } from '../limits.ts'
import type { Channel, DirectPlace } from '../transport.ts'
import { isNear, reaches } from './near.ts'
import { createOffers } from './offers.ts'
import { createSocketChannel } from './socket-channel.ts'
import { connectDirect, listenDirect, type DirectServer } from './tls.ts'

export interface DirectDependencies {
  readonly clock: Clock
  readonly logger: Logger
  /** Unpredictable: keys come from it. */
  readonly random: Random
  /** What to do with a channel that a peer opens; undefined when nobody serves the protocol. */
  handlerOf(protocol: string): ((channel: Channel) => void) | undefined
}

/**
 * Channels that are worth a socket of their own: between near peers, for frames that somebody waits for. They take a
 * third of the time that a stream through yamux, noise and libp2p takes, and no transfer of weights stands in front of them.
 * Who is who is settled over the noise connection; where no direct connection can be made, the stream serves.
 */
export interface DirectChannels {
  /** Whether it is worth asking. @param address IP address of the peer, as the connection has it */
  isWorth(peer: string, protocol: string, address: string | undefined): boolean
  /**
   * Asks over the channel that `ask` opens (`wrong-version` when the peer knows nothing of this), which is closed afterwards.
   * @returns null when there is no direct way; a peer that has none for a reason that lasts is not asked again for a while
   */
  open(
    peer: string,
    protocol: string,
    address: string,
    ask: (signal: AbortSignal) => Promise<Channel>,
    signal: AbortSignal,
  ): Promise<Channel | null>
  /** A peer asks over `channel`. */
  answer(channel: Channel, address: string | undefined): void
  /** How a peer at this address is reached; null when it is not near. */
  place(address: string | undefined): DirectPlace | null
  /** Direct channels to the peer that are open. */
  count(peer: string): number
  /** The connection to a peer is gone, and with it what was settled over it, or is being settled. */
  forget(peer: string): void
  close(): void
}

/**
 * @param hosts IP addresses to listen at; none only opens channels
 * @param protocols of which channels are worth it
 */
export async function createDirectChannels(
  dependencies: DirectDependencies,
  hosts: readonly string[],
  protocols: readonly string[],
): Promise<DirectChannels> {
  const { clock, logger } = dependencies
  const offers = createOffers(clock, dependencies.random)
  const open = new Map<string, Set<Channel>>()
  /** Peers that were asked in vain, and when they may be asked again. */
  const inVain = new Map<string, number>()
  /** Channels that are being opened: aborted when their connection goes. */
  const opening = new Map<AbortController, string>()

  const keep = (channel: Channel): void => {
    const channels = open.get(channel.remotePeer) ?? new Set()
    open.set(channel.remotePeer, channels.add(channel))
    channel.onClose(() => {
      channels.delete(channel)
      if (channels.size === 0 && open.get(channel.remotePeer) === channels) open.delete(channel.remotePeer)
    })
  }
  /** A handler that fails ends its channel, as on a stream, and not this process. */
  const serve = (channel: Channel): void => {
    try {
      const handler = dependencies.handlerOf(channel.protocol)
      if (handler === undefined) throw new ShoalError('not-ready', `nobody serves ${channel.protocol}`)
      handler(channel)
    } catch (error) {
      channel.abort(error instanceof Error ? error : new Error(messageOf(error)))
    }
  }
  const servers: DirectServer[] = []
  for (const host of new Set(hosts)) {
    try {
      servers.push(
        await listenDirect(
          host,
          offers,
          (socket, { peer, protocol }) => {
            const channel = createSocketChannel(socket, peer, protocol, clock)
            keep(channel)
            serve(channel)
          },
          logger,
        ),
      )
    } catch (error) {
      logger.warn('direct-listener-failed', { host, reason: messageOf(error) })
    }
  }

  const makeOffer = (
    channel: Channel,
    frame: Uint8Array,
    address: string | undefined,
  ): ReturnType<typeof encodeDirect> => {
    const message = decodeDirect(frame)
    if (message.type !== 'direct-ask')
      throw new ShoalError('bad-frame', `'${message.type}' does not open a direct channel`)
    const server = address === undefined ? undefined : servers.find(({ host }) => reaches(address, host))
    const peer = channel.remotePeer
    if (server === undefined || address === undefined || !isNear(address))
      return refused('bad-request', 'no direct connection from there')
    if (!protocols.includes(message.channel) || dependencies.handlerOf(message.channel) === undefined)
      return refused('not-ready', `${message.channel} has no direct channels`)
    if ((open.get(peer)?.size ?? 0) >= limits.channelsPerProtocol)
      return refused('no-capacity', `${limits.channelsPerProtocol} direct channels are open already`)
    const { identity, key } = offers.make(peer, message.channel)
    return encodeDirect({ type: 'direct-offer', port: server.port, identity, key })
  }
  const ask = async (channel: Channel, protocol: string, signal: AbortSignal): Promise<DirectOffer> => {
    const answered = Promise.withResolvers<Uint8Array>()
    const onAbort = (): void => answered.reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    channel.onClose((error) =>
      answered.reject(error ?? new ShoalError('peer-vanished', 'it closed the channel')),
    )
    channel.onFrame(answered.resolve)
    if (signal.aborted) onAbort()
    try {
      // Both at once: the channel may end, or the time, while the ask still waits to leave.
      const [frame] = await Promise.all([
        answered.promise,
        channel.send(...encodeDirect({ type: 'direct-ask', channel: protocol })),
      ])
      const message = decodeDirect(frame)
      if (message.type === 'direct-offer') return message
      if (message.type === 'refused')
        throw new ShoalError(isErrorCode(message.code) ? message.code : 'internal', message.message)
      throw new ShoalError('bad-frame', `'${message.type}' is no offer`)
    } finally {
      signal.removeEventListener('abort', onAbort)
      channel
        .close()
        .catch((error: unknown) => logger.debug('direct-ask-unclosed', { reason: messageOf(error) }))
    }
  }

  return {
    isWorth: (peer, protocol, address) =>
      protocols.includes(protocol) &&
      address !== undefined &&
      isNear(address) &&
      (inVain.get(peer) ?? -Infinity) <= clock.nowMs(),
    async open(peer, protocol, address, openAsk, signal) {
      const gone = new AbortController()
      opening.set(gone, peer)
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
        offer = await ask(await openAsk(limit.signal), protocol, limit.signal)
        const socket = await connectDirect(address, offer, limit.signal)
        if (limit.signal.aborted) socket.destroy()
        limit.signal.throwIfAborted()
        const channel = createSocketChannel(socket, peer, protocol, clock)
        keep(channel)
        return channel
      } catch (error) {
        signal.throwIfAborted()
        // An offer that leads nowhere, an address that gets none, a peer that makes none: that lasts. All else passes.
        const lasts =
          offer !== undefined ||
          (error instanceof ShoalError && (error.code === 'bad-request' || error.code === 'wrong-version'))
        if (lasts && !gone.signal.aborted) inVain.set(peer, clock.nowMs() + limits.directRetryMs)
        logger.debug('no-direct-channel', { peer, protocol, reason: messageOf(error) })
        return null
      } finally {
        limit.clear()
        opening.delete(gone)
      }
    },
    answer(channel, address) {
      channel.onFrame(async (frame) => {
        try {
          await channel.send(...makeOffer(channel, frame, address))
        } catch (error) {
          if (error instanceof ShoalError && error.code === 'no-capacity')
            await channel.send(...refused(error.code, error.message))
          else throw error
        }
      })
    },
    place: (address) =>
      address === undefined || !isNear(address)
        ? null
        : { address, host: servers.find(({ host }) => reaches(address, host))?.host ?? null },
    count: (peer) => open.get(peer)?.size ?? 0,
    forget(peer) {
      const error = new ShoalError('peer-vanished', `the connection to ${peer} is gone`)
      inVain.delete(peer)
      offers.withdraw(peer)
      for (const [gone, to] of opening) if (to === peer) gone.abort(error)
      for (const channel of open.get(peer) ?? []) channel.abort(error)
    },
    close() {
      offers.close()
      for (const server of servers) server.close()
      const error = new ShoalError('cancelled', 'the transport is closed')
      for (const gone of opening.keys()) gone.abort(error)
      for (const channels of open.values()) for (const channel of channels) channel.abort(error)
    },
  }
}

const refused = (
  code: 'no-capacity' | 'bad-request' | 'not-ready',
  message: string,
): ReturnType<typeof encodeDirect> => encodeDirect({ type: 'refused', code, message, definite: true })
