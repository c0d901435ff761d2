import type { Transport } from '../transport.ts'

/** A peer that has announced itself under a topic: only a hint until the peer itself has been asked. */
export interface Provider {
  readonly peerId: string
  /** Each ending in `/p2p/<peerId>`. */
  readonly addresses: readonly string[]
}

/** The owner's own numbering of its records: by incarnation, then by number within the incarnation. No clock of the owner is used. */
export interface RecordOrder {
  readonly incarnation: number
  readonly seq: number
}

/** Decides which bytes are a record. A directory knows nothing else of a record's contents. */
export interface RecordRules {
  /** @throws {ShoalError} for a record that `owner` did not sign, or that this release cannot read */
  order(owner: string, record: Uint8Array, verify: Transport['verify']): Promise<RecordOrder>
}

export interface DirectoryOptions {
  readonly rules: RecordRules
  /** Whether this peer holds records and entries of others. False for peers that only ask: they stay for a short time. */
  readonly serve: boolean
}

export interface DirectoryStats {
  /** Peers of the directory that this one knows. */
  readonly peers: number
  /** Records that it holds, its own included. */
  readonly records: number
  /** Entries that it holds, each of one peer under one topic. */
  readonly entries: number
}

/**
 * The directory that all Shoal peers keep together, whatever their model: which peers have announced themselves under a
 * topic, and one signed record per peer. It is used to find a swarm, and never while a swarm works. Two implementations, one conformance suite: a Kademlia
 * DHT over libp2p, and memory for tests and the simulator.
 *
 * Its contents are hints: any peer may announce itself under a topic, and the entries of a peer that is gone stay for a
 * while. Entries and records end by the clock of the peer that holds them, `limits.directoryLifeMs` after they were renewed.
 */
export interface Directory {
  /** Announces this peer under `topic`. @returns how many other peers were told */
  provide(topic: string, options: { readonly signal: AbortSignal }): Promise<number>
  /** The other peers under `topic`, as they are found. Ends when no peer nearer to the topic is left to ask; rejects with the signal's reason. */
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
  /** The other peers of the directory that this one knows, whether they are there or not. */
  peers(): readonly string[]
  /** Calls `listener` for each further one. @returns a function that removes it */
  onPeer(listener: (peerId: string) => void): () => void
  stats(): DirectoryStats
}
