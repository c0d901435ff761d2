import type { IdentifiedManifest, SamplingOptions, Tokenizer } from '@shoal/model'
import type { PeerTransfer } from './trust/reputation.ts'

/** One generation. Token ids in, token ids out; text is made beside them when the model has a tokenizer. */
export interface GenerateRequest {
  readonly promptIds: readonly number[]
  readonly maxTokens: number
  readonly sampling: SamplingOptions
  /** Generation ends before the first of these in the text. */
  readonly stop?: readonly string[]
  /** Do not end at the model's end tokens. */
  readonly ignoreEos?: boolean
  /** How many alternatives to report per token; 0 = the chosen token's log-probability only; absent = none. */
  readonly topLogprobs?: number
  readonly signal?: AbortSignal
}

export interface TokenLogprob {
  readonly tokenId: number
  readonly text: string
  readonly logprob: number
}

export interface GenerateResult {
  readonly text: string
  readonly tokenIds: readonly number[]
  readonly finishReason: 'stop' | 'length' | 'cancelled'
  readonly promptTokens: number
  readonly completionTokens: number
  readonly ttftMs: number
  readonly tokensPerSecond: number
  readonly route: readonly {
    readonly peer: string
    readonly start: number
    readonly end: number
    readonly ranks: number
  }[]
  readonly failovers: number
  /** Stages that left in the middle of it and handed it over. */
  readonly moves: number
  readonly continuity: 'identical' | 'continued'
  /**
   * Milliseconds per token that the route promised when it was opened, for the middle of the answer, if nobody else asks; null
   * without a route of peers.
   */
  readonly predictedTpotMs: number | null
  readonly drafted: number
  readonly accepted: number
}

export type GenerateEvent =
  | {
      readonly type: 'token'
      readonly tokenId: number
      /** Text that became final with this token; may be empty (inside a multi-byte character or a possible stop text). */
      readonly text: string
      readonly logprob?: TokenLogprob & { readonly top: readonly TokenLogprob[] }
    }
  | { readonly type: 'done'; readonly text: string; readonly result: GenerateResult }

/** Coordinates generations of one model: over a swarm, or in this process. */
export interface Engine {
  readonly manifest: IdentifiedManifest
  /** Null for a model without one: then only `promptIds` work and `text` stays empty. */
  readonly tokenizer: Tokenizer | null
  /** The model's own (generation_config.json), else temperature 0.7 without further limits; seed 0. */
  readonly defaultSampling: SamplingOptions
  /**
   * Streams tokens; `done` comes last and carries text held back until then. Ending the iteration early cancels and frees KV everywhere.
   * @throws {ShoalError} `bad-request` (prompt too long, ids out of range), `no-route`, `no-capacity`, `peer-vanished` …
   */
  generate(request: GenerateRequest): AsyncIterable<GenerateEvent>
  /**
   * Hidden states after block `layers[1] - 1` for rows of `layers[0]`'s input, and logits of every row: research.
   * `hiddenStates` float32 `[rows, hiddenSize]` after the last block asked for; `logits` float32 `[rows, vocabularySize]`.
   */
  forward(
    tokenIds: readonly number[],
    options?: { layers?: readonly [number, number]; signal?: AbortSignal },
  ): Promise<{ hiddenStates: Float32Array; logits: Float32Array | null }>
  close(): Promise<void>
}

export interface PeerStatus {
  readonly peer: string
  readonly incarnation: number
  readonly state: 'joining' | 'serving' | 'draining' | 'left'
  readonly liveness: 'unknown' | 'alive' | 'suspect' | 'dead' | 'left'
  readonly blocks: readonly [number, number] | null
  readonly addresses: readonly string[]
  readonly memoryBytes: number
  readonly decodeMsPerBlock: number
  readonly numericClass: string
  readonly version: string
  readonly rttMs: number | null
  /** What it says of its links: round trip, and what came over them from the other peer; null where it has not measured. */
  readonly links: Readonly<Record<string, { readonly rttMs: number | null; readonly mbps: number | null }>>
  readonly sessions: number
  /** Of its time, what it has been computing for; null when it has not said. Routes avoid who is busy. */
  readonly busyPermille?: number | null
  readonly self: boolean
  /** The group that it leads by the plan: other ranks, and speeds of all, its own first. */
  readonly group?: { readonly ranks: readonly string[]; readonly speeds: readonly number[] }
  /** Weights that others have given it, as it says when it is asked; absent when it was not. */
  readonly fetchedBytes?: number
}

/** What `shoal status --json` and `GET /swarm` print. */
export interface SwarmStatus {
  readonly model: string
  readonly manifest: string
  readonly profile: string
  readonly blockCount: number
  readonly peers: readonly PeerStatus[]
  /** Live holders of each block. */
  readonly coverage: readonly number[]
  readonly covered: boolean
  readonly snapshotHash: string
  readonly planHash: string
  /** With `group`, the peers that are to compute these blocks with `peer`. */
  readonly placements: readonly {
    readonly peer: string
    readonly start: number
    readonly end: number
    readonly group?: { readonly ranks: readonly string[]; readonly speeds: readonly number[] }
  }[]
  /** What other peers have given this one of the model's weights. */
  readonly transfers?: readonly PeerTransfer[]
  /** What this peer knows of the directory of all Shoal peers. */
  readonly directory?: DirectoryStatus
}

export interface DirectoryStatus {
  /** Peers of the directory that this one knows, of whatever swarm. */
  readonly peers: number
  /** Hardware records and entries that it holds for others. */
  readonly records: number
  readonly entries: number
  /** Other nodes of this swarm that the directory named when it was last asked; null when it was not. */
  readonly providers: number | null
}

export type SwarmEvent =
  /** With `ranks`, as the leader of a group of so many that the plan has formed. */
  | {
      readonly event: 'blocks-changed'
      readonly blocks: readonly [number, number] | null
      readonly ranks?: number
    }
  | { readonly event: 'peer-joined' | 'peer-dead' | 'peer-left'; readonly peer: string }
  | {
      readonly event: 'session-opened' | 'session-moved' | 'session-closed'
      readonly session: string
      readonly peer: string
      readonly to?: readonly string[]
    }
  /** This node's own life is over for the others: it has dropped its sessions and goes on as the next incarnation. */
  | {
      readonly event: 'self-expired'
      readonly incarnation: number
      readonly next: number
      readonly cause: 'stood-still' | 'held-dead' | 'older-record'
    }
  | { readonly event: 'draining' | 'stopped' }

/** Progress of long work (packing, downloading, loading): for a bar. */
export interface Progress {
  readonly activity: 'pack' | 'fetch' | 'load' | 'probe'
  readonly doneBytes: number
  readonly totalBytes: number
}

/** A peer of a swarm: a node that serves blocks, or a client that only asks. */
export interface SwarmPeer {
  readonly peerId: string
  addresses(): readonly string[]
  readonly manifest: IdentifiedManifest
  status(): SwarmStatus
  /** Loads embedding and head at first use and keeps them. */
  engine(): Promise<Engine>
  /** Resolves when live peers hold every block. */
  whenCovered(signal: AbortSignal): Promise<void>
  /** Resolves when somebody is known and nobody's liveness is `unknown` any more: `status()` shows everybody then. */
  whenKnown(signal: AbortSignal): Promise<void>
  /** Finishes running sessions within `signal`, says `left`, stops. */
  leave(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
