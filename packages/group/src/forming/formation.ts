import type { ShoalError } from '@shoal/host'
import type { BlockRange, BlockSplit, IndexRange } from '@shoal/model'
import type { RankThread } from '../lanes/rank-thread-control.ts'
import type { SumTable } from '../rank/group-rank.ts'

export interface GroupPeer {
  readonly peer: string
  readonly addresses: readonly string[]
}

export interface FormationOptions {
  /** Id of the group. */
  readonly group: string
  readonly manifestId: string
  readonly profile: string
  readonly hiddenSize: number
  readonly range: BlockRange
  readonly split: BlockSplit
  readonly sums: SumTable
  /** By rank; the first is this node. */
  readonly peers: readonly GroupPeer[]
  /** This node's computing thread, which may make sums. */
  readonly thread: RankThread
  /** A rank was lost, possibly while nothing is computed. */
  onBroken?(): void
}

/**
 * A group with the ranks with which it was formed, as its leader sees it. A formation breaks for good when a rank is lost.
 * The leader then forms the group again, which makes another formation.
 */
export interface Formation {
  /** Numeric classes of ranks 1 and up. */
  readonly classes: readonly string[]
  /**
   * The rank that was lost, and why. `rank` is null when a member reported the loss of another member, because it is then
   * not known which of the two is to blame.
   */
  readonly broken: { readonly rank: number | null; readonly error: ShoalError } | null
  /** Makes the next sum of the call. @returns `partial`, with the total in place of this rank's part */
  sum(partial: Float32Array): Promise<Float32Array>
  /** Reserves memory for a session at every member. @throws {ShoalError} the first refusal, after which the session is open at no member */
  open(session: number, tokenBudget: number, part: BlockRange, signal: AbortSignal): Promise<void>
  /**
   * Makes one call at every rank. When it fails, the rows are in no member's KV cache.
   * @param hidden float32 `[rows, hiddenSize]`
   * @param compute makes the call at this rank
   */
  call(
    session: number,
    position: number,
    hidden: Float32Array,
    compute: () => Promise<Float32Array>,
  ): Promise<Float32Array>
  truncate(session: number, length: number): void
  close(session: number): void
  /** Has a member load a part of the head. @throws {ShoalError} the member's error */
  loadHead(rank: number, vocabulary: IndexRange): Promise<void>
  /**
   * A member's part of the logits.
   * @param hidden float32 `[rows, hiddenSize]`
   * @throws {ShoalError} `deadline-passed`, `peer-vanished`, or the member's error
   */
  logits(rank: number, hidden: Float32Array): Promise<Float32Array>
  /** Breaks the formation, because a rank does not answer. */
  lose(rank: number, error: ShoalError): void
  end(): void
}
