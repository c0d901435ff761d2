import type { BlockRange, BlockSpec, KeyValueFormat } from '@shoal/model'
import type { SumRanks } from '../block-runner.ts'
import { limits } from '../limits.ts'
import type { SessionBook } from '../sessions/session-book.ts'
import { hiddenSizeOf, type Span } from '../span.ts'
import { add } from './arithmetic.ts'
import type { BlockCache, Rotation } from './attention.ts'
import { attentionBranch, closeBranch, feedForwardBranch, type BlockWeights } from './block.ts'
import type { NormWeights } from './norms.ts'
import { alone, createRankMixture } from './rank-mixture.ts'
import { createRotations } from './rotation.ts'

export interface RankParts {
  /** The span as the rank sees it (`shareSpan`). */
  readonly span: Span
  /** What keys and values are rounded to. They are kept in float32 all the same. */
  readonly kv: KeyValueFormat
  readonly book: SessionBook
  /** Weights of the rank's share, in block order. */
  readonly weights: readonly BlockWeights[]
  readonly sum: SumRanks
  /** What the ranks share: the heads and columns of every block, or experts. */
  readonly shared: 'columns' | 'experts'
}

export interface RankSession {
  readonly part: BlockRange
  /** Positions that the session may have. */
  readonly tokenBudget: number
  readonly caches: readonly BlockCache[]
}

/**
 * Takes rows through a rank's share of the blocks of a session. After each half of each block the partial rows of all
 * ranks are added up; long inputs are cut, so that no exchange has more rows than a call may have.
 */
export function createRankPass({
  span,
  weights,
  sum,
  shared,
}: RankParts): (session: RankSession, position: number, rows: Float32Array) => Promise<Float32Array> {
  const hiddenSize = hiddenSizeOf(span)
  const rotationsAt = createRotations(span.blocks)
  const mixture = createRankMixture(hiddenSize, sum)

  /** All rows through one half of a block, then the sum over the ranks. */
  const sumOf = async (
    rows: Float32Array,
    branchOf: (row: Float32Array, index: number) => Float32Array,
  ): Promise<Float32Array> => {
    const partial = new Float32Array(rows.length)
    for (let at = 0; at < rows.length; at += hiddenSize)
      partial.set(branchOf(rows.subarray(at, at + hiddenSize), at / hiddenSize), at)
    return sum(partial, 0)
  }
  const throughBlock = async (
    block: number,
    cache: BlockCache,
    tokenBudget: number,
    position: number,
    rows: Float32Array,
  ): Promise<Float32Array> => {
    const [spec, own] = [span.blocks[block], weights[block]]
    if (spec === undefined || own === undefined) throw new Error(`block ${block} of the span is missing`)
    const attentionOf = (row: Float32Array, offset: number): Float32Array =>
      attentionBranch(spec, own, cache, row, rotationsAt(position + offset, tokenBudget)[block] as Rotation)
    if (shared === 'experts') {
      const attended = alone(hiddenSize, rows, attentionOf)
      return 'router' in own.feedForward
        ? mixture(spec, own, own.feedForward, attended)
        : alone(hiddenSize, attended, (row) => feedForwardBranch(spec, own, row))
    }
    const attended = added(hiddenSize, spec, own.attentionPostNorm, rows, await sumOf(rows, attentionOf))
    const input = spec.normPlaces === 'shared' ? rows : attended
    const active = await sumOf(input, (row) => feedForwardBranch(spec, own, row))
    return added(hiddenSize, spec, own.feedForwardPostNorm, attended, active)
  }

  return async ({ part, tokenBudget, caches }, position, rows) => {
    const output = new Float32Array(rows.length)
    const chunk = limits.rowsPerCallMax * hiddenSize
    for (let at = 0; at < rows.length; at += chunk) {
      let state = rows.subarray(at, at + chunk)
      for (const [index, cache] of caches.entries())
        state = await throughBlock(
          part.start - span.range.start + index,
          cache,
          tokenBudget,
          position + at / hiddenSize,
          state,
        )
      output.set(state, at)
    }
    return output
  }
}

/** The rows with what a half adds to each. */
function added(
  hiddenSize: number,
  spec: BlockSpec,
  norm: NormWeights | null,
  rows: Float32Array,
  branches: Float32Array,
): Float32Array {
  const closed = new Float32Array(branches.length)
  for (let at = 0; at < rows.length; at += hiddenSize)
    closed.set(closeBranch(spec, norm, branches.subarray(at, at + hiddenSize)), at)
  return add(rows, closed)
}
