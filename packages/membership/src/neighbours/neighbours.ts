import { messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import { standingOf, type Channel, type Transport } from '@shoal/network'
import { decodeMembers, encodeMembers, protocols, type MembersMessage } from '@shoal/protocol'
import type { Conduct } from './conduct.ts'
import { NeighbourLine } from './neighbour-line.ts'

export interface NeighbourDependencies {
  /** Counts the neighbours' faults, and says who may not be a neighbour for a while. */
  readonly conduct: Conduct
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
}

export interface NeighbourListener {
  /** A channel to the peer is open. */
  onReady(peer: string): void
  /** The last connection to the peer ended, and what it had sent before has been read. */
  onGone(peer: string): void
  onShutOut(peer: string, why: string): void
  /** Handles a message. An error counts against the neighbour, except `wrong-manifest`, which ends the channel. */
  onMessage(peer: string, message: MembersMessage): Promise<void>
}

/**
 * One channel of the members protocol to every connected peer. Of two peers the one with the smaller id opens it, so that
 * there is exactly one.
 */
export class Neighbours {
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #conduct: Conduct
  readonly #openMs: number
  #listener: NeighbourListener | undefined
  readonly #lines = new Map<string, NeighbourLine>()
  /** Each peer's newest line, kept after its end until the connection has ended. */
  readonly #newest = new Map<string, NeighbourLine>()
  readonly #opening = new Map<string, AbortController>()
  /** Peers of another version or another swarm: they are not asked again on this connection. */
  readonly #strangers = new Set<string>()
  #closed = false

  /** @param openMs most that opening a channel may take */
  constructor({ transport, clock, logger, conduct }: NeighbourDependencies, openMs: number) {
    this.#transport = transport
    this.#clock = clock
    this.#logger = logger
    this.#conduct = conduct
    this.#openMs = openMs
  }

  /** Accepts channels from now on, and opens one for each new connection. */
  listen(listener: NeighbourListener): void {
    this.#listener = listener
    this.#transport.handle(protocols.members, (channel) => this.#attach(channel, listener))
    this.#transport.onConnect((peer) => {
      this.#strangers.delete(peer)
      this.#openIfOurs(peer)
    })
    this.#transport.onDisconnect((peer) => {
      const last = this.#newest.get(peer)
      this.#newest.delete(peer)
      // A record `left` may have come just before the end: it must be read before the end counts as a loss.
      ;(last?.read ?? Promise.resolve())
        .then(() => {
          this.#strangers.delete(peer)
          if (!this.#closed) listener.onGone(peer)
        })
        .catch((error: unknown) => this.#logger.error('members-channel-failed', { peer, error }))
    })
  }

  has(peer: string): boolean {
    return this.#lines.has(peer)
  }

  ids(): readonly string[] {
    return [...this.#lines.keys()]
  }

  /**
   * Whether a neighbour may bring news. A client is in no record: what it could tell are inventions, or news that others
   * bring as well.
   */
  maySpread(peer: string): boolean {
    return standingOf(this.#transport, peer)?.role !== 'client'
  }

  /** Sends to one neighbour; a message to a peer without a channel is dropped. */
  send(peer: string, message: MembersMessage): void {
    this.#lines.get(peer)?.send(encodeMembers(message))
  }

  /** Opens the channels that are this peer's to open and are missing. */
  maintain(): void {
    for (const peer of this.#transport.connected()) this.#openIfOurs(peer)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const controller of this.#opening.values())
      controller.abort(new ShoalError('cancelled', 'membership is closing'))
    await Promise.allSettled([...this.#lines.values()].map(({ channel }) => channel.close()))
  }

  #attach(channel: Channel, listener: NeighbourListener): void {
    const peer = channel.remotePeer
    if (this.#closed || this.#conduct.isShutOut(peer)) {
      channel.onFrame(() => undefined)
      channel.abort(new ShoalError('no-capacity', this.#closed ? 'membership has ended' : 'shut out'))
      return
    }
    const former = this.#lines.get(peer)
    const line: NeighbourLine = new NeighbourLine(channel, this.#logger, (frame) =>
      this.#receive(line, frame, listener),
    )
    this.#lines.set(peer, line)
    this.#newest.set(peer, line)
    former?.channel.abort(new ShoalError('in-use', 'replaced by a newer channel'))
    channel.onClose(() => {
      if (this.#lines.get(peer) === line) this.#lines.delete(peer)
    })
    listener.onReady(peer)
  }

  /** Handles a frame, also one that arrived before the other side ended the channel. */
  async #receive(line: NeighbourLine, frame: Uint8Array, listener: NeighbourListener): Promise<void> {
    const { peer } = line
    if (this.#closed || this.#conduct.isShutOut(peer) || line.isForeign) return
    try {
      await listener.onMessage(peer, decodeMembers(frame))
    } catch (error) {
      if (error instanceof ShoalError && error.code === 'wrong-manifest') {
        this.#strangers.add(peer)
        line.isForeign = true
        line.channel.abort(error)
        return
      }
      // Another error than a refusal: a library or this program failed on the frame. No frame may end the process.
      if (!(error instanceof ShoalError)) this.#logger.error('members-frame-failed', { peer, error })
      this.#blame(peer, messageOf(error), listener)
    }
  }

  /** Counts a fault; at the limit the neighbour's channel ends and it is shut out for a while. */
  #blame(peer: string, why: string, listener: NeighbourListener): void {
    const { points, shutOut } = this.#conduct.blame(peer)
    this.#logger.warn('neighbour-misbehaved', { peer, why, points })
    if (!shutOut) return
    this.#lines.get(peer)?.channel.abort(new ShoalError('bad-request', `shut out: ${why}`))
    listener.onShutOut(peer, why)
  }

  #openIfOurs(peer: string): void {
    const listener = this.#listener
    if (listener === undefined || this.#closed || this.#conduct.isShutOut(peer)) return
    if (this.#lines.has(peer) || this.#opening.has(peer) || this.#strangers.has(peer)) return
    if (this.#transport.peerId < peer) void this.#open(peer, listener)
  }

  /** Never rejects: the next turn tries again. */
  async #open(peer: string, listener: NeighbourListener): Promise<void> {
    const controller = new AbortController()
    const timer = this.#clock.after(this.#openMs, () =>
      controller.abort(new ShoalError('deadline-passed', `${peer} did not open a members channel`)),
    )
    this.#opening.set(peer, controller)
    try {
      const channel = await this.#transport.open(peer, protocols.members, { signal: controller.signal })
      this.#attach(channel, listener)
    } catch (error) {
      if (error instanceof ShoalError && error.code === 'wrong-version') this.#strangers.add(peer)
      if (!this.#closed) this.#logger.debug('members-channel-failed', { peer, reason: messageOf(error) })
    } finally {
      timer.cancel()
      this.#opening.delete(peer)
    }
  }
}
