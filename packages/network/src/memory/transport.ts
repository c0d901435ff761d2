import { createHmac, timingSafeEqual } from 'node:crypto'
import { ShoalError } from '@shoal/host'
import type { Admission, PeerStanding } from '../admission/admission.ts'
import { Standings } from '../admission/standings.ts'
import { createHeldFrames } from '../channel/held-frames.ts'
import { badAddress, peerVanished, wrongVersion } from '../errors.ts'
import type { Channel, Transport } from '../transport.ts'
import { admitEachOther } from './admit.ts'
import type { MemorySwitch } from './network.ts'

/** One peer of a memory network. */
export class MemoryTransport implements Transport {
  readonly peerId: string
  readonly held = createHeldFrames()
  readonly #network: MemorySwitch
  readonly #learned = new Map<string, readonly string[]>()
  readonly #handlers = new Map<string, (channel: Channel) => void>()
  readonly #connected = new Set<string>()
  readonly #onConnect: ((peerId: string) => void)[] = []
  readonly #onDisconnect: ((peerId: string) => void)[] = []
  #closed = false

  readonly admission: Admission | null
  readonly standings: Standings

  constructor(peerId: string, network: MemorySwitch, admission: Admission | null) {
    this.peerId = peerId
    this.#network = network
    this.admission = admission
    this.standings = new Standings(admission !== null)
    admission?.onEnded((ended) => {
      this.standings.ended(ended)
      this.#network.disconnect(
        this.peerId,
        ended,
        peerVanished(ended, 'is no longer a member: its grant has ended'),
      )
    })
  }

  standing(peerId: string): PeerStanding | null {
    return this.standings.of(peerId)
  }

  addresses(): readonly string[] {
    return this.#closed ? [] : [`/memory/${this.peerId}/p2p/${this.peerId}`]
  }

  async dial(address: string, options: { signal: AbortSignal }): Promise<string> {
    this.#requireOpen()
    const match = /^\/memory\/([^/]+)\/p2p\/([^/]+)$/.exec(address)
    const peerId = match?.[2]
    if (peerId === undefined || match?.[1] !== peerId || peerId === this.peerId) throw badAddress(address)
    if (this.#connected.has(peerId)) return peerId
    await this.#network.travel(this.peerId, peerId, options.signal)
    // It may have been killed on the way: a dead peer must not connect.
    this.#requireOpen()
    const listener = this.#network.transport(peerId)
    if (listener !== undefined && (this.admission !== null || listener.admission !== null)) {
      await admitEachOther(this, listener)
      this.#requireOpen()
    }
    this.#network.connect(this.peerId, peerId)
    await this.#network.travel(peerId, this.peerId, options.signal)
    this.learn(peerId, [address])
    return peerId
  }

  learn(peerId: string, addresses: readonly string[]): void {
    this.#learned.set(peerId, addresses)
  }

  async open(peerId: string, protocol: string, options: { signal: AbortSignal }): Promise<Channel> {
    this.#requireOpen()
    if (!this.#connected.has(peerId)) await this.#dialLearned(peerId, options)
    await this.#network.travel(this.peerId, peerId, options.signal)
    this.#requireOpen()
    const remote = this.#network.transport(peerId)
    const connection = this.#network.connection(this.peerId, peerId)
    if (remote === undefined || connection === undefined)
      throw peerVanished(peerId, 'left while a channel was being opened')
    const onChannel = remote.#handlers.get(protocol)
    if (onChannel === undefined) throw wrongVersion(peerId, protocol, [...remote.#handlers.keys()])
    const [near, far] = connection.createChannel(this.peerId, protocol)
    const refused = remote.standings.refusalOf(this.peerId, protocol)
    if (refused === null) onChannel(far)
    else far.abort(refused)
    try {
      await this.#network.travel(peerId, this.peerId, options.signal)
    } catch (error) {
      near.abort(peerVanished(peerId, 'was not waited for', error))
      throw error
    }
    return near
  }

  async #dialLearned(peerId: string, options: { signal: AbortSignal }): Promise<void> {
    const [address] = this.#learned.get(peerId) ?? []
    if (address === undefined) throw peerVanished(peerId, 'cannot be reached: no address of it is known')
    await this.dial(address, options)
  }

  handle(protocol: string, onChannel: (channel: Channel) => void): void {
    this.#handlers.set(protocol, onChannel)
  }

  prefer(isKnown: (peerId: string) => boolean): void {
    this.held.prefer(isKnown)
  }

  connected(): readonly string[] {
    return [...this.#connected]
  }

  onConnect(listener: (peerId: string) => void): void {
    this.#onConnect.push(listener)
  }

  onDisconnect(listener: (peerId: string) => void): void {
    this.#onDisconnect.push(listener)
  }

  async ping(peerId: string, options: { signal: AbortSignal }): Promise<number> {
    if (!this.#connected.has(peerId)) await this.#dialLearned(peerId, options)
    const startMs = this.#network.clock.nowMs()
    await this.#network.travel(this.peerId, peerId, options.signal)
    await this.#network.travel(peerId, this.peerId, options.signal)
    return this.#network.clock.nowMs() - startMs
  }

  hangUp(peerId: string): Promise<void> {
    // The name may belong to its next life by now.
    if (!this.#closed) this.#network.disconnect(this.peerId, peerId, peerVanished(this.peerId, 'hung up'))
    return Promise.resolve()
  }

  /** HMAC-SHA-512 under a key that the network keeps for each peer id: 64 bytes, as Ed25519's, and as hard to forge. */
  sign(bytes: Uint8Array): Promise<Uint8Array> {
    return Promise.resolve(this.#signatureOf(this.peerId, bytes) ?? new Uint8Array(0))
  }

  verify(peerId: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const expected = this.#signatureOf(peerId, bytes)
    return Promise.resolve(expected?.length === signature.length && timingSafeEqual(expected, signature))
  }

  #signatureOf(peerId: string, bytes: Uint8Array): Uint8Array | undefined {
    const key = this.#network.keyOf(peerId)
    return key === undefined ? undefined : new Uint8Array(createHmac('sha512', key).update(bytes).digest())
  }

  close(): Promise<void> {
    if (!this.#closed) this.#network.leave(this.peerId, peerVanished(this.peerId, 'closed its transport'))
    return Promise.resolve()
  }

  #requireOpen(): void {
    if (this.#closed) throw new ShoalError('cancelled', `the transport of ${this.peerId} is closed`)
  }

  // ---------------------------------------------------------------- called by the network

  connectionOpened(peerId: string): void {
    this.#connected.add(peerId)
    for (const listener of this.#onConnect) listener(peerId)
  }

  connectionClosed(peerId: string): void {
    if (!this.#connected.delete(peerId)) return
    for (const listener of this.#onDisconnect) listener(peerId)
  }

  left(): void {
    this.#closed = true
  }
}
