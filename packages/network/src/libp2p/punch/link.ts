import { onAbort, ShoalError } from '@shoal/host'
import type { PunchEnd } from '@shoal/protocol'
import { describe, describeCandidate, messageBytes, readDescription } from './description.ts'
import type { DataChannel, DataChannelLibrary, PeerConnection } from './library.ts'
import type { Place } from './stun-message.ts'

/** A connection of the native library with one data channel, from its description to its end. */
export class Link {
  readonly #peer: PeerConnection
  readonly channel: DataChannel
  readonly #opened = Promise.withResolvers<void>()
  readonly #gathered = Promise.withResolvers<void>()
  #isClosed = false
  #onEnd: () => void = () => undefined

  /** @param server by which the connection learns how its router shows it; null where no router is in the way */
  constructor(library: DataChannelLibrary, server: Place | null) {
    this.#peer = new library.PeerConnection('shoal', {
      iceServers: server === null ? [] : [{ hostname: server.ip, port: server.port }],
      disableAutoNegotiation: true,
      // Noise authenticates the peers inside this connection, which is a socket to all that is above it.
      disableFingerprintVerification: true,
      maxMessageSize: messageBytes,
    })
    this.channel = this.#peer.createDataChannel('shoal', { negotiated: true, id: 0 })
    this.channel.onOpen(() => this.#opened.resolve())
    this.channel.onClosed(() => this.#ended('the data channel has ended'))
    this.channel.onError((error) => this.#ended(error))
    this.#peer.onGatheringStateChange((state) => {
      if (state === 'complete') this.#gathered.resolve()
    })
    this.#peer.onStateChange((state) => {
      if (state === 'failed' || state === 'closed' || state === 'disconnected')
        this.#ended(`the connection is ${state}`)
    })
    for (const { promise } of [this.#opened, this.#gathered]) promise.catch(() => undefined)
  }

  /** Its own end of an offer. */
  async offer(signal: AbortSignal): Promise<ReturnType<typeof readDescription>> {
    this.#peer.setLocalDescription('offer')
    return this.#described(signal)
  }

  /** Its own end of an answer. */
  async answer(offered: PunchEnd, signal: AbortSignal): Promise<ReturnType<typeof readDescription>> {
    this.#peer.setRemoteDescription(describe(offered, 'offer'), 'offer')
    this.#peer.setLocalDescription('answer')
    return this.#described(signal)
  }

  /** The answer to its offer has come. */
  accept(answered: PunchEnd): void {
    this.#peer.setRemoteDescription(describe(answered, 'answer'), 'answer')
  }

  /** From here on packets leave for these places. Neither side may do so before the other has read its description. */
  reach(candidates: readonly Place[]): void {
    for (const [index, place] of candidates.entries())
      this.#peer.addRemoteCandidate(describeCandidate(place, index), '0')
  }

  /** @throws {ShoalError} `peer-vanished` when it ends first; the signal's reason */
  async opened(signal: AbortSignal): Promise<void> {
    await this.#within(this.#opened.promise, signal)
  }

  /** Between which addresses packets travel. */
  places(): { readonly local: Place; readonly remote: Place } | null {
    const pair = this.#isClosed ? null : this.#peer.getSelectedCandidatePair()
    if (pair === null) return null
    const { local, remote } = pair
    return {
      local: { ip: local.address, port: local.port },
      remote: { ip: remote.address, port: remote.port },
    }
  }

  /** Calls back once when it ends by itself. */
  onEnd(listener: () => void): void {
    this.#onEnd = listener
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.channel.close()
    this.#peer.close()
  }

  async #described(signal: AbortSignal): Promise<ReturnType<typeof readDescription>> {
    await this.#within(this.#gathered.promise, signal)
    return readDescription(this.#peer.localDescription()?.sdp ?? '')
  }

  #ended(reason: string): void {
    const error = new ShoalError('peer-vanished', reason)
    this.#opened.reject(error)
    this.#gathered.reject(error)
    this.#onEnd()
  }

  async #within(work: Promise<void>, signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>()
    const stop = onAbort(signal, () => aborted.reject(signal.reason))
    try {
      await Promise.race([work, aborted.promise])
    } finally {
      stop()
    }
  }
}
