import { systemClock } from '@shoal/host/node'
import { sleep } from '@shoal/host'
import type { Channel } from '@shoal/network'
import { createRawPeer, type RawPeer, type RawPeerOptions } from './raw-peer.ts'

/** A node as a stranger knows it: what everybody learns who says hello and fetches the manifest. */
export interface Target {
  readonly address: string
  readonly peerId: string
  /** Base of its HTTP API; null when it has none. */
  readonly api: string | null
  readonly manifest: string
  readonly profile: string
  /** Blocks that it serves. */
  readonly start: number
  readonly end: number
  readonly hiddenSize: number
  /** Hashes of the files beside the weights. */
  readonly assets: readonly string[]
}

/** One way to do harm. */
export interface Attack {
  readonly name: string
  /** For people. */
  readonly about: string
  /** Goes on until the signal aborts. */
  run(besieger: Besieger): Promise<void>
}

/** What an attack works with: a target, and as many keys as it likes, all of one machine. */
export class Besieger {
  readonly target: Target
  readonly signal: AbortSignal
  /** Notable events of the attack, such as dials that it caused. */
  readonly counts = new Map<string, number>()
  readonly #peers = new Set<RawPeer>()

  constructor(target: Target, signal: AbortSignal) {
    this.target = target
    this.signal = signal
  }

  get over(): boolean {
    return this.signal.aborted
  }

  count(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times)
  }

  /** A peer with a new key, which only dials unless the options say otherwise. */
  async stranger(options: RawPeerOptions = {}): Promise<RawPeer> {
    const peer = await createRawPeer({ listen: [], signal: this.signal, ...options })
    this.#peers.add(peer)
    return peer
  }

  async dismiss(peer: RawPeer): Promise<void> {
    this.#peers.delete(peer)
    await peer.close().catch(() => undefined)
  }

  /** A channel to the target, whose frames nobody reads. */
  async open(peer: RawPeer, protocol: string): Promise<Channel> {
    const channel = await peer.open(this.target.address, protocol)
    channel.onFrame(() => undefined)
    channel.onClose(() => undefined)
    return channel
  }

  /** Repeats a part of an attack, whatever becomes of it: being refused is what an attack has to expect. */
  async repeat(part: () => Promise<unknown>, pauseMs = 0): Promise<void> {
    while (!this.over) {
      try {
        await part()
      } catch {
        if (!this.over) this.count('refusals')
        // A target that refuses at once must not make this a loop without a turn of the event loop.
        await this.pause(10)
      }
      if (pauseMs > 0) await this.pause(pauseMs)
    }
  }

  /** Ends early when the attack does. */
  async pause(ms: number): Promise<void> {
    await sleep(systemClock, ms, this.signal).catch(() => undefined)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#peers].map((peer) => this.dismiss(peer)))
  }
}
