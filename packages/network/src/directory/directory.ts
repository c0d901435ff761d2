import type { Transport } from '../transport.ts'

/** A peer that said it has to do with a topic; a hint, until it has been asked itself. */
export interface Provider {
  readonly peerId: string
  /** Each ending in `/p2p/<peerId>`. */
  readonly addresses: readonly string[]
}

/** The owner's own count of its words: a later life first, then a later word in the same life. No clock of the owner counts. */
export interface RecordOrder {
  readonly incarnation: number
  readonly seq: number
}

/** What this network accepts as a record; of its contents a directory knows nothing else. */
export interface RecordRules {
  /** @throws {ShoalError} for a record that `owner` did not sign, or that this release cannot read */
  order(owner: string, record: Uint8Array, verify: Transport['verify']): Promise<RecordOrder>
}

export interface DirectoryOptions {
  readonly rules: RecordRules
  /** Whether this peer holds what others say. False for those who only ask: they come and go. */
  readonly serve: boolean
}

export interface DirectoryStats {
  /** Peers of the directory that this one knows. */
  readonly peers: number
  /** Records that it holds, its own included. */
  readonly records: number
  /** Entries `peer has to do with topic` that it holds. */
  readonly entries: number
}

/**
 * A notice board that all Shoal peers keep together, whatever their model: who has to do with a topic, and one signed
 * record per peer. It is for finding a swarm, never for its work. Two implementations, one conformance suite: a Kademlia
 * DHT over libp2p, and memory for tests and the simulator.
 *
 * What it holds is a hint: anybody may say that it serves a topic, and whoever is gone stays on the board for a while.
 * Entries and records end by the clock of the peer that holds them, `limits.directoryLifeMs` after it heard a new word.
 */
export interface Directory {
  /** Says that this peer has to do with `topic`. @returns how many other peers were told */
  provide(topic: string, options: { readonly signal: AbortSignal }): Promise<number>
  /** Who does, this peer left out, as they are found. Ends when nobody nearer is left to ask; rejects with the signal's reason. */
  providers(topic: string, options: { readonly signal: AbortSignal }): AsyncIterable<Provider>
  /**
   * Replaces this peer's record; its order must be above the last one's. @returns how many other peers took it
   * @throws {ShoalError} `bad-request` when the rules refuse it
   */
  publish(record: Uint8Array, options: { readonly signal: AbortSignal }): Promise<number>
  /** The newest record of `owner` that can be found; null when there is none. */
  find(owner: string, options: { readonly signal: AbortSignal }): Promise<Uint8Array | null>
  /** Resolves once a peer of the directory is known. */
  whenReady(signal: AbortSignal): Promise<void>
  stats(): DirectoryStats
}
