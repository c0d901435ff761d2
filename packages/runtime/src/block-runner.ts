import type { MessagePort } from 'node:worker_threads'
import type { Clock, MemoryBudget, Random } from '@shoal/host'
import type { BlockRange, IndexRange, RankShare } from '@shoal/model'

/** Bytes a runner uses and may use. */
export interface RunnerMemory {
  readonly weightBytes: number
  readonly keyValueBytes: number
  /** KV cache bytes of all open sessions at their token budgets. */
  readonly reservedBytes: number
  readonly limitBytes: number
  readonly sessions: number
}

/** Positions `[from, to)` of a session's KV cache in the blocks `part`; all positions and all blocks by default. */
export interface KeyValueWindow {
  readonly from?: number
  readonly to?: number
  readonly part?: BlockRange
}

/**
 * Computes blocks `[start, end)` for many sessions at once, each with its own KV cache.
 *
 * There are three implementations and one conformance suite (`conformance.ts`): `reference/` in plain TypeScript, `onnx/` on
 * onnxruntime, and `mixing/`, which keeps sessions and caches like the others and computes cheap hashes in place of matrices. In canonical form
 * (docs/numerics.md) the bits of a row depend only on the rows before it in its session: never on how rows are grouped into
 * calls, on the thread count, on other sessions, or on where the model is cut.
 */
export interface BlockRunner {
  readonly range: BlockRange
  readonly hiddenSize: number
  /** Numeric class of the runner, where it differs from that of its device: a group has a class of its own. */
  readonly numericClass?: string
  /** Number of peers that compute together; one when absent. */
  readonly ranks?: number
  /**
   * Aborted once the runner can never compute again although its device can: a group that has lost a rank, a span whose
   * compute host has ended. The reason is an error that says so.
   */
  readonly lost?: AbortSignal

  /**
   * Reserves room for a session of at most `tokenBudget` positions in the blocks `part`, all by default.
   * @throws {ShoalError} `no-capacity` when the KV cache would not fit (definite), `bad-request` when the session is open
   *   already, `wrong-range`
   */
  open(session: string, tokenBudget: number, part?: BlockRange): Promise<void>

  /**
   * Appends `rows` positions to a session's KV cache.
   * Calls for one session run in order; calls for different sessions may be computed together.
   *
   * @param position must equal `length(session)`, else `wrong-position`
   * @param hidden float32 `[rows, hiddenSize]`, row-major; read before the call returns control, never changed
   * @returns float32 `[rows, hiddenSize]`
   * @throws {ShoalError} `unknown-session`, `wrong-position`, `limit-exceeded` (token budget), `compute-failed`
   */
  forward(session: string, position: number, hidden: Float32Array): Promise<Float32Array>

  /** Positions in the session's KV cache, counting calls that are queued. @throws {ShoalError} `unknown-session` */
  length(session: string): number

  /** Forgets positions from `length` on. @throws {ShoalError} `unknown-session`, `wrong-position` when the session is shorter */
  truncate(session: string, length: number): Promise<void>

  /** Frees the session. Unknown sessions are ignored, so that closing twice is safe. */
  close(session: string): Promise<void>

  /**
   * The KV cache of one session as one array: per block keys, then values, each float32
   * `[keyValueHeads, positions, headSize]`. It is read when the calls before it are done. A draining stage moves it to its
   * successor, and tests compare its bits.
   * @throws {ShoalError} `unknown-session`, `wrong-position` for positions that the session does not have, `wrong-range`
   */
  exportKeyValues(session: string, window?: KeyValueWindow): Promise<Float32Array>

  /**
   * Appends positions that another runner has computed and exported for the same blocks, from `position` on. Between
   * runners of one numeric class the session continues with the same bits.
   *
   * @param position must equal `length(session)`, else `wrong-position`
   * @param keyValues all blocks of the session; read before the call returns control, never changed
   * @throws {ShoalError} `unknown-session`, `wrong-position`, `limit-exceeded` (token budget), `bad-request` unless the
   *   values are whole positions
   */
  importKeyValues(session: string, position: number, keyValues: Float32Array): Promise<void>

  memory(): RunnerMemory
  /** Frees weights and all sessions once the queued calls are done. Later calls are refused with `not-ready`. */
  release(): Promise<void>
}

/** Final norm and vocabulary projection. */
export interface HeadRunner {
  /**
   * @param hidden float32 `[rows, hiddenSize]`
   * @param into memory for the answer, at least `[rows, vocabularySize]`. A generation that reuses one buffer makes no
   *   garbage of half a megabyte per token. The buffer must not be used again before the call has been answered.
   * @returns float32 `[rows, vocabularySize]`: the beginning of `into` when that was given
   */
  logits(hidden: Float32Array, into?: Float32Array<SharedArrayBuffer>): Promise<Float32Array>
  release(): Promise<void>
}

/** Rows of the embedding matrix, dequantised. */
export interface EmbeddingTable {
  /** @returns float32 `[tokenIds.length, hiddenSize]` @throws {ShoalError} `bad-request` for an id outside the vocabulary */
  lookup(tokenIds: readonly number[]): Promise<Float32Array>
  release(): Promise<void>
}

export interface LoadOptions {
  /** Budget for weights and KV caches, which all spans, shares and heads of a node share. */
  readonly memory: MemoryBudget
  readonly signal?: AbortSignal
  /**
   * Weights that do not fit the budget are read from disk in every step, block by block (`streamingWindow`): much slower,
   * with the same bits. Devices that compute nothing real ignore it.
   */
  readonly streamWeights?: boolean
}

/**
 * Adds up the partial rows of all ranks of a group: after each half of each block (attention, feed-forward network) where
 * ranks share heads and columns; after the router of each block where they share experts.
 * @param partial float32 `[rows, hiddenSize]` of this rank; the function may overwrite it, and may return it
 * @param computedMs how long this rank took to compute it, without waiting; 0 from a device that does not time itself
 * @returns the sum, with the same bits at every rank
 */
export interface SumRanks {
  (partial: Float32Array, computedMs: number): Promise<Float32Array>
  /** Lets the thread that computes exchange the sums itself, so that no other thread has to wake up for them. */
  readonly thread?: SumThread
}

/** A module for the thread that computes. It exports `createThreadSum`, a {@link CreateThreadSum}. */
export interface SumThread {
  /** File URL of a module of this software. */
  readonly module: string
  /** Moves to that thread. */
  readonly port: MessagePort
}

/** As {@link SumRanks}; null while the thread has no lane to the other ranks, so that the caller must use the function. */
export type ThreadSum = (partial: Float32Array) => Promise<Float32Array> | null
/** @param host clock and randomness of the thread */
export type CreateThreadSum = (
  port: MessagePort,
  host: { readonly clock: Clock; readonly random: Random },
) => ThreadSum

export interface RankOptions {
  readonly share: RankShare
  /** Called in the order of the `forward` calls and never concurrently. When it throws, so does `forward`. */
  readonly sum: SumRanks
  /** As {@link LoadOptions.memory}. */
  readonly memory: MemoryBudget
  readonly signal?: AbortSignal
}

/** One device of this machine, which loads weights and computes with them. */
export interface Device {
  readonly kind: 'cpu' | 'reference' | 'browser tab'
  /** Threads per call. Changes no bits. */
  readonly threads: number
  /**
   * Hash over runtime version, generator version, profile and the fixed probe's outputs (docs/numerics.md): devices of one
   * class compute the same bits from the same weights. It becomes `none`, for good, when a span or head is loaded in which
   * rows depend on how they are grouped, so it must be read after loading and before announcing.
   */
  readonly numericClass: string
  loadBlocks(range: BlockRange, options: LoadOptions): Promise<BlockRunner>
  /**
   * Loads one rank's share of blocks: a runner like any other, except that each call must be made at every rank of the
   * group, because the ranks exchange partial sums. Its KV cache holds the share's key/value heads only.
   */
  loadRank(range: BlockRange, options: RankOptions): Promise<BlockRunner>
  /**
   * @param vocabulary rows of the projection, cut at multiples of `vocabularyMultiple`; all by default. The logits of a
   *   part are `[rows, end - start]`, with the same bits as those of the whole head.
   */
  loadHead(vocabulary?: IndexRange): Promise<HeadRunner>
  loadEmbedding(): Promise<EmbeddingTable>
  close(): Promise<void>
}
