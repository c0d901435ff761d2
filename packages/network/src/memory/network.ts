import { onAbort, type Clock, type Random } from '@shoal/host'
import type { Admission } from '../admission/admission.ts'
import { peerVanished, RefusedDial } from '../errors.ts'
import { createHeldFrames } from '../channel/held-frames.ts'
import type { Directory, DirectoryOptions } from '../directory/directory.ts'
import type { Transport } from '../transport.ts'
import { createMemoryConnection, type FrameTap, type MemoryConnection } from './connection.ts'
import { MemoryDirectory } from './directory.ts'
import { createLinkDelays, type LinkDelays, type LinkShape } from './link-shape.ts'
import { MemoryTransport } from './transport.ts'

export interface MemoryNetworkOptions {
  readonly clock: Clock
  readonly random: Random
  /** One way, for every link that has none of its own; 0 delivers in a microtask. Default 0. */
  readonly latencyMs?: number
  /** Added to each delay, uniform in [0, jitterMs); order within a direction stays. Default 0. */
  readonly jitterMs?: number
  /** What each link is like, instead of the two above; asked for each time something is sent. */
  shapeOf?(from: string, to: string): LinkShape
  /** Sees every frame of every channel between two peers, and may change or end things: the simulator's faults. */
  readonly tap?: FrameTap
}

/** A network of peers in one process. Time and chance are the caller's, so a seed repeats a run. */
export interface MemoryNetwork {
  /** Joins under a peer id of the caller's choice. The same name after a `close` or `kill` has the same key. With `admission` the peer is of a private swarm. */
  createTransport(peerId: string, admission?: Admission): Transport
  /** The directory as one peer sees it; it ends with the peer's transport. */
  createDirectory(peerId: string, options: DirectoryOptions): Directory
  /** One way, between two peers, both directions. */
  setLatency(a: string, b: string, latencyMs: number): void
  /** Breaks the connection, as a reset would, and refuses new ones until `heal`. */
  cut(a: string, b: string): void
  /** Holds everything between two peers, as a black hole would, until `heal`. */
  stop(a: string, b: string): void
  heal(a: string, b: string): void
  /** The peer's process ends without a goodbye. */
  kill(peerId: string): void
  /** Bytes of frames sent from one peer to another so far. */
  sentBytes(from: string, to: string): number
  /** Frames sent from one peer to another so far. */
  sentFrames(from: string, to: string): number
  /** What is on its way between two peers now, in both directions: frames, and the credit that goes back for them. */
  underWay(a: string, b: string): number
}

export function createMemoryNetwork(options: MemoryNetworkOptions): MemoryNetwork {
  return new MemorySwitch(options)
}

const linkOf = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`)

/** What the transports of one network share. */
export class MemorySwitch implements MemoryNetwork {
  readonly clock: Clock
  readonly #random: Random
  readonly #shape: LinkShape
  readonly #shapeOf: ((from: string, to: string) => LinkShape) | undefined
  readonly #tap: FrameTap | undefined
  readonly #delays = new Map<string, LinkDelays>()
  readonly #linkLatencyMs = new Map<string, number>()
  readonly #linkState = new Map<string, 'cut' | 'stopped'>()
  readonly #healed = new Map<string, (() => void)[]>()
  readonly #transports = new Map<string, MemoryTransport>()
  readonly #connections = new Map<string, MemoryConnection>()
  readonly #keys = new Map<string, Uint8Array>()
  readonly #sentBytes = new Map<string, number>()
  readonly #sentFrames = new Map<string, number>()
  readonly #directories = new Map<string, MemoryDirectory>()

  constructor(options: MemoryNetworkOptions) {
    this.clock = options.clock
    this.#random = options.random
    this.#shape = { latencyMs: options.latencyMs ?? 0, jitterMs: options.jitterMs ?? 0 }
    this.#shapeOf = options.shapeOf?.bind(options)
    this.#tap = options.tap
  }

  createTransport(peerId: string, admission: Admission | null = null): Transport {
    if (!/^[\x21-\x2e\x30-\x7e]+$/.test(peerId)) throw new Error(`"${peerId}" cannot be a peer id`)
    if (this.#transports.has(peerId)) throw new Error(`${peerId} is on this network already`)
    if (!this.#keys.has(peerId)) this.#keys.set(peerId, this.#random.bytes(32))
    const transport = new MemoryTransport(peerId, this, admission)
    this.#transports.set(peerId, transport)
    return transport
  }

  createDirectory(peerId: string, options: DirectoryOptions): Directory {
    const transport = this.#transports.get(peerId)
    if (transport === undefined) throw new Error(`${peerId} is not on this network`)
    const directory = new MemoryDirectory(transport, this, options)
    this.#directories.set(peerId, directory)
    return directory
  }

  // ---------------------------------------------------------------- for tests and the simulator

  setLatency(a: string, b: string, latencyMs: number): void {
    this.#linkLatencyMs.set(linkOf(a, b), latencyMs)
  }

  cut(a: string, b: string): void {
    this.#linkState.set(linkOf(a, b), 'cut')
    this.disconnect(a, b, peerVanished(`the link between ${a} and ${b}`, 'was cut'))
    this.#wake(linkOf(a, b))
  }

  stop(a: string, b: string): void {
    this.#linkState.set(linkOf(a, b), 'stopped')
    this.#connections.get(linkOf(a, b))?.stop()
  }

  heal(a: string, b: string): void {
    this.#linkState.delete(linkOf(a, b))
    this.#connections.get(linkOf(a, b))?.start()
    this.#wake(linkOf(a, b))
  }

  kill(peerId: string): void {
    this.leave(peerId, peerVanished(peerId, 'was killed'))
  }

  sentBytes(from: string, to: string): number {
    return this.#sentBytes.get(`${from} ${to}`) ?? 0
  }

  sentFrames(from: string, to: string): number {
    return this.#sentFrames.get(`${from} ${to}`) ?? 0
  }

  underWay(a: string, b: string): number {
    return this.#connections.get(linkOf(a, b))?.underWay() ?? 0
  }

  // ---------------------------------------------------------------- for the transports

  transport(peerId: string): MemoryTransport | undefined {
    return this.#transports.get(peerId)
  }

  directory(peerId: string): MemoryDirectory | undefined {
    return this.#directories.get(peerId)
  }

  keyOf(peerId: string): Uint8Array | undefined {
    return this.#keys.get(peerId)
  }

  connection(a: string, b: string): MemoryConnection | undefined {
    return this.#connections.get(linkOf(a, b))
  }

  /** The connection between two peers, made when there is none: simultaneous dials share one. */
  connect(a: string, b: string): MemoryConnection {
    const link = linkOf(a, b)
    const existing = this.#connections.get(link)
    if (existing !== undefined) return existing
    const connection = createMemoryConnection(
      this.clock,
      [a, b],
      (from, to, bytes) => this.#delayMs(from, to, bytes),
      this.#tap,
      (peer) => this.transport(peer)?.held ?? createHeldFrames(),
    )
    if (this.#linkState.get(link) === 'stopped') connection.stop()
    this.#connections.set(link, connection)
    this.transport(b)?.connectionOpened(a)
    this.transport(a)?.connectionOpened(b)
    for (const directory of this.#directories.values()) directory.neighboursChanged()
    return connection
  }

  disconnect(a: string, b: string, error: Error): void {
    const link = linkOf(a, b)
    const connection = this.#connections.get(link)
    if (connection === undefined) return
    this.#connections.delete(link)
    connection.drop(error)
    this.transport(a)?.connectionClosed(b)
    this.transport(b)?.connectionClosed(a)
  }

  leave(peerId: string, error: Error): void {
    const transport = this.#transports.get(peerId)
    // First, so that nothing it does when its connections end reaches anybody.
    transport?.left()
    for (const connection of this.#connections.values()) {
      if (connection.peers.includes(peerId)) this.disconnect(...connection.peers, error)
    }
    this.#transports.delete(peerId)
    this.#directories.delete(peerId)
  }

  /**
   * The time a small message needs from one peer to another, before there is a connection.
   * @throws {ShoalError} `peer-vanished` when nobody is there or the link is cut
   */
  async travel(from: string, to: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const link = linkOf(from, to)
    await new Promise<void>((resolve, reject) => {
      const arrive = (): void => {
        if (this.#linkState.get(link) === 'stopped') {
          this.#healed.set(link, [...(this.#healed.get(link) ?? []), arrive])
          return
        }
        stopListening()
        resolve()
      }
      const delayMs = this.#delayMs(from, to, 0)
      const timer = delayMs === 0 ? undefined : this.clock.after(delayMs, arrive)
      if (timer === undefined) queueMicrotask(arrive)
      const stopListening = onAbort(signal, () => {
        timer?.cancel()
        reject(signal.reason as Error)
      })
    })
    if (this.#linkState.get(link) === 'cut')
      throw peerVanished(to, `cannot be reached: the link from ${from} is cut`)
    if (!this.#transports.has(to))
      throw new RefusedDial('peer-vanished', `${to} cannot be reached: nobody has this name`)
  }

  #delayMs(from: string, to: string, bytes: number): number {
    const direction = `${from} ${to}`
    if (bytes > 0) {
      this.#sentBytes.set(direction, this.sentBytes(from, to) + bytes)
      this.#sentFrames.set(direction, this.sentFrames(from, to) + 1)
    }
    const shape = this.#shapeOf?.(from, to) ?? this.#shape
    const latencyMs = this.#linkLatencyMs.get(linkOf(from, to))
    let delays = this.#delays.get(direction)
    if (delays === undefined)
      this.#delays.set(direction, (delays = createLinkDelays(this.clock, this.#random)))
    return delays.next(latencyMs === undefined ? shape : { ...shape, latencyMs }, bytes)
  }

  #wake(link: string): void {
    const waiting = this.#healed.get(link) ?? []
    this.#healed.delete(link)
    for (const arrive of waiting) arrive()
  }
}
