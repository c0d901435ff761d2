import type { MessagePort } from 'node:worker_threads'
import type { Clock, Random } from '@shoal/host'
import type { BlockRange, IndexRange, RankShare } from '@shoal/model'

/** Bytes a runner uses and may use. */
export interface RunnerMemory {
  readonly weightBytes: number
  readonly keyValueBytes: number
  /** Sum of the token budgets' KV bytes that open sessions may still grow to. */
  readonly reservedBytes: number
  readonly limitBytes: number
  readonly sessions: number
}

/** Positions `[from, to)` of a session's KV cache in some of its blocks: all that is there unless said otherwise. */
export interface KeyValueWindow {
  readonly from?: number
  readonly to?: number
  readonly part?: BlockRange
}

/**
 * Computes blocks `[start, end)` for many sessions at once, each with its own KV cache.
 *
 * One conformance suite (`conformance.ts`) for `reference/` in plain TypeScript, `onnx/` on onnxruntime, and `mixing/`,
 * which has all of a runner but the arithmetic. In canonical form the bits of a row depend only on the rows before it in its session: never on how rows
 * are grouped into calls, on the thread count, on other sessions, or on where the model is cut.
 */
export interface BlockRunner {
  readonly range: BlockRange
  readonly hiddenSize: number
  /** Where its bits are not those of its device: a group's class. */
  readonly numericClass?: string
  /** Peers that compute together; one when absent. */
  readonly ranks?: number
  /** Aborted when it can compute no more and never will, however whole its device is: a group that has lost a rank. */
  readonly lost?: AbortSignal

  /**
   * Makes room for a session of at most `tokenBudget` positions, in `part` of the blocks (all by default).
   * @throws {ShoalError} `no-capacity` when the KV cache would not fit (definite), `bad-request` when it is open already, `wrong-range`
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

  /** Forgets positions from `length` on. @throws {ShoalError} `unknown-session`, `wrong-position` when it is shorter already */
  truncate(session: string, length: number): Promise<void>

  /** Frees the session; unknown sessions are ignored, so that closing twice is safe. */
  close(session: string): Promise<void>

  /**
   * The KV cache of one session as one array, per block k then v, each float32 `[keyValueHeads, positions, headSize]`:
   * tests compare bits, a drain moves it to a successor. Read when the calls before it are done.
   * @throws {ShoalError} `unknown-session`, `wrong-position` for positions that are not there, `wrong-range`
   */
  exportKeyValues(session: string, window?: KeyValueWindow): Promise<Float32Array>

  /**
   * Appends positions that another runner has computed: what its `exportKeyValues` gave for these blocks, from
   * `position` on. Between runners of one numeric class the session goes on with the same bits.
   *
   * @param position must equal `length(session)`, else `wrong-position`
   * @param keyValues all blocks of the session; read before the call returns control, never changed
   * @throws {ShoalError} `unknown-session`, `wrong-position`, `limit-exceeded` (token budget), `bad-request` for what are not whole positions
   */
  importKeyValues(session: string, position: number, keyValues: Float32Array): Promise<void>

  memory(): RunnerMemory
  /** Frees weights and all sessions, after the calls that are queued; later calls are refused with `not-ready`. */
  release(): Promise<void>
}

/** Final norm and vocabulary projection. */
export interface HeadRunner {
  /**
   * @param hidden float32 `[rows, hiddenSize]`
   * @param into shared memory for the answer, at least `[rows, vocabularySize]`: a generation that reuses one buffer
   *   makes no garbage of half a megabyte per token. It must not be used again before the call has been answered.
   * @returns float32 `[rows, vocabularySize]`, the beginning of `into` when it was given
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
  /** For weights and KV caches of all spans of this node together. */
  readonly memoryLimitBytes: number
  /** What the other spans use and have promised of it now; none by default. */
  readonly otherBytes?: () => number
  readonly signal?: AbortSignal
}

/**
 * Adds up the partial rows of all ranks of a group, after each half of each block.
 * @param partial float32 `[rows, hiddenSize]` of this rank; it may be overwritten, and returned
 * @param computedMs what this rank took to compute it, no waiting included; 0 from a device that does not time itself
 * @returns the sum, the same bits at every rank
 */
export interface SumRanks {
  (partial: Float32Array, computedMs: number): Promise<Float32Array>
  /** Where sums may be made by the thread that computes, so that no other thread has to wake up for them. */
  readonly thread?: SumThread
}

/** Loaded by the thread that computes; it exports `createThreadSum`, a {@link CreateThreadSum}. */
export interface SumThread {
  /** A file URL of this software. */
  readonly module: string
  /** Given to that thread. */
  readonly port: MessagePort
}

/** Adds up as {@link SumRanks} does; null where it cannot at the moment, and the function has to. */
export type ThreadSum = (partial: Float32Array) => Promise<Float32Array> | null
/** @param host the thread's own clock and unpredictable chance */
export type CreateThreadSum = (
  port: MessagePort,
  host: { readonly clock: Clock; readonly random: Random },
) => ThreadSum

export interface RankOptions {
  readonly share: RankShare
  /** Called in the order of the `forward` calls, twice for each block and never twice at a time. When it throws, so does `forward`. */
  readonly sum: SumRanks
  readonly memoryLimitBytes: number
  /** As for whole blocks. */
  readonly otherBytes?: () => number
  readonly signal?: AbortSignal
}

/** One device of this machine: weights go in, runners come out. Compute never runs on the caller's thread. */
export interface Device {
  readonly kind: 'cpu' | 'reference'
  /** Threads per call. Changes no bits. */
  readonly threads: number
  /**
   * Hash over runtime version, generator version, profile and the fixed probe's outputs (docs/numerics.md).
   * It becomes `none`, for good, when loading finds a span or head in which rows depend on how they are grouped: read it
   * after loading, before announcing.
   */
  readonly numericClass: string
  loadBlocks(range: BlockRange, options: LoadOptions): Promise<BlockRunner>
  /**
   * One rank's share of blocks: a runner like any other, whose calls are made at every rank of its group and meet in
   * `sum`. Its KV cache has the share's key/value heads only.
   */
  loadRank(range: BlockRange, options: RankOptions): Promise<BlockRunner>
  /**
   * @param vocabulary rows of the projection, cut at multiples of `vocabularyMultiple`; all by default. The logits of a
   *   part are `[rows, end - start]` and have the bits that the whole head gives them.
   */
  loadHead(vocabulary?: IndexRange): Promise<HeadRunner>
  loadEmbedding(): Promise<EmbeddingTable>
  close(): Promise<void>
}
