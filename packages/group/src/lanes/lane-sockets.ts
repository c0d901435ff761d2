import { ShoalError, silentLogger, type Clock, type Random } from '@shoal/host'
import {
  connectDirect,
  createHeldFrames,
  createOffers,
  createSocketChannel,
  listenDirect,
  wholeCredit,
  type DirectServer,
} from '@shoal/network/direct'
import { protocols } from '@shoal/protocol'
import type { TLSSocket } from 'node:tls'
import { groupTimes } from '../limits.ts'
import type { LaneOffer } from './thread-messages.ts'

export type LaneChannel = ReturnType<typeof createSocketChannel>

/** The sockets of a computing thread: one server for each address, and keys for the lanes that were offered. */
export class LaneSockets {
  readonly #clock: Clock
  readonly #held = createHeldFrames()
  readonly #offers: ReturnType<typeof createOffers>
  readonly #servers = new Map<string, Promise<DirectServer>>()
  readonly #accept: (rank: number, channel: LaneChannel) => void

  /** @param accept called for each lane that another rank opens, with the rank for which it was offered */
  constructor(clock: Clock, random: Random, accept: (rank: number, channel: LaneChannel) => void) {
    this.#clock = clock
    this.#offers = createOffers(clock, random)
    this.#accept = accept
  }

  /** Listens at this address from now on. */
  async listen(host: string): Promise<DirectServer> {
    const known = this.#servers.get(host) ?? this.#startServer(host)
    this.#servers.set(host, known)
    const server = await known.catch((error: unknown) => {
      this.#servers.delete(host)
      throw error
    })
    // The thread ends with its device, and a server must not keep it running.
    server.unref()
    return server
  }

  /** Offers a lane through this server. @throws {ShoalError} when too many offers are open */
  offer(server: DirectServer, peer: string, rank: number): LaneOffer {
    const { identity, key } = this.#offers.make(peer, String(rank))
    return { port: server.port, identity, key }
  }

  /** @throws {ShoalError} when no lane was made within {@link groupTimes.laneTimeoutMs}, or the signal's reason */
  async connect(host: string, offer: LaneOffer, peer: string, signal: AbortSignal): Promise<LaneChannel> {
    const late = new AbortController()
    const timer = this.#clock.after(groupTimes.laneTimeoutMs, () =>
      late.abort(new ShoalError('deadline-passed', `no lane within ${groupTimes.laneTimeoutMs} ms`)),
    )
    try {
      const socket = await connectDirect(host, offer, AbortSignal.any([late.signal, signal]))
      return this.#channelOver(socket, peer)
    } finally {
      timer.cancel()
    }
  }

  /** Invalidates the open offers to these peers. */
  withdraw(peers: readonly { readonly peer: string }[]): void {
    for (const { peer } of peers) this.#offers.withdraw(peer)
  }

  close(): void {
    this.#offers.close()
    for (const server of this.#servers.values())
      server.then(
        (one) => one.close(),
        () => undefined,
      )
  }

  #startServer(host: string): Promise<DirectServer> {
    return listenDirect(
      host,
      this.#offers,
      // `LaneSockets.offer` makes the rank the `protocol` of the offer.
      (socket, offer) => this.#accept(Number(offer.protocol), this.#channelOver(socket, offer.peer)),
      silentLogger,
    )
  }

  #channelOver(socket: TLSSocket, peer: string): LaneChannel {
    socket.unref()
    return createSocketChannel(
      socket,
      peer,
      protocols.group,
      wholeCredit,
      this.#held,
      this.#clock,
      silentLogger,
    )
  }
}
