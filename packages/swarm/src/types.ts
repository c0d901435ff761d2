import type { PortMappingStatus, TriedAddress } from '@shoal/network'
import type { Grammar, IdentifiedManifest, SamplingOptions, Tokenizer } from '@shoal/model'
import type { AuditReport } from './audit/report.ts'
import type { PeerTransfer } from './trust/reputation.ts'

/** One generation, from token ids to token ids. Text is added when the model has a tokenizer. */
export interface GenerateRequest {
  readonly promptIds: readonly number[]
  readonly maxTokens: number
  readonly sampling: SamplingOptions
  /** What the answer must look like; any text when absent. */
  readonly grammar?: Grammar
  /** Generation ends before the first of these texts. */
  readonly stop?: readonly string[]
  /**
   * Whether tokens are drafted ahead where that pays; true when absent. The tokens are the same without, and their pace
   * is that of plain decoding.
   */
  readonly drafts?: boolean
  /** Continues after the model's end tokens. */
  readonly ignoreEos?: boolean
  /** Special tokens that stay in the text, for a reader of what models write around calls and thoughts. */
  readonly shownTokens?: readonly string[]
  /** Number of alternatives to report per token. 0 reports only the chosen token's log-probability; absent reports none. */
  readonly topLogprobs?: number
  /**
   * Whose request this is: it begins with the rows of earlier requests of the same name only, since its time to the first
   * token tells what these were. Requests without a name share among each other.
   */
  readonly prefixOwner?: string
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
  /** The stop text before which the answer ended; null where it ended otherwise. */
  readonly stopText: string | null
  readonly promptTokens: number
  /** Tokens of the prompt that were not computed again, because stages had them from an earlier request. */
  readonly reusedTokens: number
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
  /** How often a stage that left handed its KV caches over during the answer. */
  readonly moves: number
  readonly continuity: 'identical' | 'continued'
  /**
   * Milliseconds per token that were predicted when the route was opened, for the middle of the answer and without other
   * load; null without a route of peers.
   */
  readonly predictedTpotMs: number | null
  /** Tokens that were drafted and sent along the route before they were drawn. */
  readonly drafted: number
  /** Drafted tokens that were then drawn. */
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

/** An answer that is being given, and the way that its tokens take now. */
export interface ShownAnswer {
  /** Counts the answers of this engine. */
  readonly id: number
  readonly promptTokens: number
  /** Tokens made so far; 0 while the prompt is computed. */
  readonly tokens: number
  readonly route: GenerateResult['route']
  readonly failovers: number
  readonly moves: number
}

/** Coordinates generations of one model, over a swarm or in this process. */
export interface Engine {
  readonly manifest: IdentifiedManifest
  /** Null for a model without a tokenizer: prompts are then token ids, and `text` stays empty. */
  readonly tokenizer: Tokenizer | null
  /** The options of the model's generation_config.json, else temperature 0.7 without further limits; seed 0. */
  readonly defaultSampling: SamplingOptions
  /**
   * Streams tokens. `done` comes last, with the text that was held back until then. Ending the iteration early cancels the
   * generation and frees its KV caches on all peers.
   * @throws {ShoalError} `bad-request` (prompt too long, ids out of range), `no-route`, `no-capacity`, `peer-vanished` …
   */
  generate(request: GenerateRequest): AsyncIterable<GenerateEvent>
  /** The answers that are being given now, with their present routes. */
  answers(): readonly ShownAnswer[]
  /**
   * Computes blocks `[layers[0], layers[1])`, all by default, for research.
   * @returns `hiddenStates`, float32 `[rows, hiddenSize]`, after the last of these blocks; `logits`, float32
   *   `[rows, vocabularySize]`, null unless all blocks are computed
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
  /** What it computes with, as it says itself: `cpu`, `browser tab`. */
  readonly device?: string
  readonly version: string
  readonly rttMs: number | null
  /** Its announced links, by the other peer: round trip, and rate from that peer; null where not measured. */
  readonly links: Readonly<Record<string, { readonly rttMs: number | null; readonly mbps: number | null }>>
  readonly sessions: number
  /** Share of its time in which it computes, in thousandths; null when not announced. Routes avoid busy peers. */
  readonly busyPermille?: number | null
  readonly self: boolean
  /** The group that it leads by the plan: other ranks, and speeds of all, its own first. */
  readonly group?: { readonly ranks: readonly string[]; readonly speeds: readonly number[] }
  /** Why it does not hold what the plan wants of it; absent when it does. */
  readonly problem?: string
  /** The way that the connection to it takes, the peer that relays it, and why; absent without a connection. */
  readonly path?: {
    readonly kind: 'direct' | 'punched' | 'relayed'
    readonly relay: string | null
    readonly why: string
  }
  /** What the last dial to each of its addresses has found, seen from here; absent when none was dialled. */
  readonly tried?: readonly TriedAddress[]
  /** What it may do in a private swarm, and until when (ISO 8601); absent where that is not known here. */
  readonly role?: 'client' | 'node' | 'admin'
  readonly until?: string
  /** Weights that others have given it, as it says when it is asked; absent when it was not. */
  readonly fetchedBytes?: number
}

/** A device that is not there yet. */
export interface NewDevice {
  /** For weights and KV caches. */
  readonly memoryBytes: number
  /** Null: as fast as the member in the middle. */
  readonly decodeMsPerBlock: number | null
}

export interface SwarmChange {
  readonly add: readonly NewDevice[]
  /** Peer ids of members. */
  readonly remove: readonly string[]
}

/** What a plan would give. */
export interface Outlook {
  /** Devices that are not there yet are called `new-1`, `new-2` … */
  readonly placements: readonly { readonly peer: string; readonly start: number; readonly end: number }[]
  /** Blocks for which nobody has memory. */
  readonly uncovered: readonly (readonly [number, number])[]
  /** Null where blocks are uncovered. */
  readonly prediction: {
    /** Of one answer. */
    readonly tokensPerSecond: number
    /** For a prompt of `promptTokens`. */
    readonly ttftMs: number
    readonly promptTokens: number
    /** Of many answers. */
    readonly togetherTokensPerSecond: number
  } | null
}

/** The plan of the swarm as it is, and as it would be. */
export interface WhatIf {
  readonly now: Outlook
  readonly changed: Outlook
}

/** The output of `shoal status --json` and `GET /swarm`. */
export interface SwarmStatus {
  readonly model: string
  readonly manifest: string
  readonly profile: string
  readonly blockCount: number
  /** Whether only invited peers may join; absent where that is not known. */
  readonly private?: boolean
  /** What the admins of a private swarm call it. */
  readonly name?: string
  readonly peers: readonly PeerStatus[]
  /** Live holders of each block. */
  readonly coverage: readonly number[]
  readonly covered: boolean
  /** How many live peers have weights on disk or in memory: what only one has is lost with it. */
  readonly copies?: { readonly embedding: number; readonly blocks: readonly number[]; readonly head: number }
  readonly snapshotHash: string
  readonly planHash: string
  /** The plan. With `group`, its ranks compute these blocks together with `peer`. */
  readonly placements: readonly {
    readonly peer: string
    readonly start: number
    readonly end: number
    readonly group?: { readonly ranks: readonly string[]; readonly speeds: readonly number[] }
  }[]
  /** Transfers of weights to this peer, by sender. */
  readonly transfers?: readonly PeerTransfer[]
  /** Peers that plans and routes leave out because their wrong results are proven, with the milliseconds that are left. */
  readonly bans?: readonly { readonly peer: string; readonly forMs: number }[]
  /** This peer's view of the directory of all Shoal peers. */
  readonly directory?: DirectoryStatus
  /** Whether the router before this peer forwards a port to it; absent where it is not asked to. */
  readonly portMapping?: PortMappingStatus
}

export interface DirectoryStatus {
  /** Known peers of the directory, of any swarm. */
  readonly peers: number
  /** Hardware records that this peer holds for others. */
  readonly records: number
  /** Topic entries that this peer holds for others. */
  readonly entries: number
  /** Other nodes of this swarm that the last search named; null before the first, and while the directory has no other peers than members. */
  readonly providers: number | null
}

export type SwarmEvent =
  /** With `ranks`, this node leads a planned group of so many peers. */
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
  /** Other members consider this incarnation of the node over: it continues as the next one. */
  | {
      readonly event: 'self-expired'
      readonly incarnation: number
      readonly next: number
      readonly cause: 'stood-still' | 'held-dead' | 'older-record'
    }
  /** Blocks that the plan wants of this node cannot be loaded; it tries again later. */
  | {
      readonly event: 'span-loading-failed'
      readonly blocks: readonly [number, number]
      readonly reason: string
    }
  | { readonly event: 'draining' | 'stopped' }

/** Progress of long work, for a progress bar. */
export interface Progress {
  readonly activity: 'pack' | 'fetch' | 'load' | 'probe'
  readonly doneBytes: number
  readonly totalBytes: number
}

/** A peer of a swarm: a node that serves blocks, or a client that only coordinates its own generations. */
export interface SwarmPeer {
  readonly peerId: string
  addresses(): readonly string[]
  readonly manifest: IdentifiedManifest
  status(): SwarmStatus
  /** What the swarm would do with other devices. @throws {ShoalError} `bad-request` for a peer that is no member */
  whatIf(change: SwarmChange): WhatIf
  /** Receipts, audits, and the evidence that convicted peers. */
  audits(): AuditReport
  /** The engine, made at the first call: it loads embedding and head and keeps them. */
  engine(): Promise<Engine>
  /** Resolves when live peers hold every block. */
  whenCovered(signal: AbortSignal): Promise<void>
  /** Resolves when a member is known and no member's liveness is `unknown`: `status()` then shows all members. */
  whenKnown(signal: AbortSignal): Promise<void>
  /** Lets running sessions end until `signal` aborts, announces `left`, and closes. */
  leave(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
