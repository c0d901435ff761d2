import type { BlockSpec } from '@shoal/model'
import { cachedNames } from '../graph/attention.ts'
import type { Half } from '../graph/block.ts'
import { partialOutput } from '../graph/half-graph.ts'
import { attentionFeeds } from './attention-feeds.ts'
import type { KeyValueCache } from './key-value-cache.ts'
import { padRows, paddedRows, type RowPadding } from './row-padding.ts'
import { tensors, type ComputeSession, type Feeds } from './compute-session.ts'
import type { Rotation } from './rotation.ts'
import { hiddenInput } from '../graph/span-graph.ts'

/**
 * The two halves of one block on a rank's share. Both take the residual stream, float32 `[rows, hiddenSize]`, and return
 * this rank's part of what is added to it, of the same shape.
 */
export interface HalfComputer {
  /** Appends the rows' keys and values to the cache. */
  attention(cache: KeyValueCache, hidden: Float32Array): Float32Array
  feedForward(hidden: Float32Array): Float32Array
  /** What a half adds to the residual stream, from the sum of all ranks' parts; `sum` itself where that is all. */
  close(half: Half, sum: Float32Array): Float32Array
}

/** The graphs of a rank's share of a block. */
export type HalfSessions = Readonly<Record<Half, HalfSession>>

export interface HalfSession {
  readonly partial: ComputeSession
  /** Null where the block does not normalise what it adds. */
  readonly postNorm: ComputeSession | null
}

/**
 * Runs the two halves of one block on a rank's share.
 * @param spec as the rank sees it
 * @param block index in the model
 */
export function createHalfComputer(
  sessions: HalfSessions,
  { hiddenSize, branchScale, attention }: BlockSpec,
  block: number,
  padding: RowPadding,
  rotation: Rotation,
): HalfComputer {
  const fresh = cachedNames(attention, block).map((rows) => rows.fresh)

  const feedsOf = (hidden: Float32Array, rows: number): Feeds => ({
    [hiddenInput]: tensors.float32(padRows(padding, hidden, rows), [paddedRows(padding, rows), hiddenSize]),
  })
  const partialOf = (
    { [partialOutput]: partial }: Readonly<Record<string, Float32Array>>,
    values: number,
  ): Float32Array => {
    if (partial === undefined) throw new Error(`the graph of a half-block returned no ${partialOutput}`)
    return partial.subarray(0, values)
  }

  return {
    attention(cache, hidden) {
      const feeds = attentionFeeds(cache, rotation, padding, hidden, hiddenSize)
      const results = sessions.attention.partial.run(feeds, [partialOutput, ...fresh])
      cache.append(results, hidden.length / hiddenSize)
      return partialOf(results, hidden.length)
    },
    feedForward: (hidden) =>
      partialOf(
        sessions['feed-forward'].partial.run(feedsOf(hidden, hidden.length / hiddenSize), [partialOutput]),
        hidden.length,
      ),
    close(half, sum) {
      const { postNorm } = sessions[half]
      const branch =
        postNorm === null
          ? sum
          : partialOf(
              // A copy: native code takes no shared memory.
              postNorm.run(feedsOf(Float32Array.from(sum), sum.length / hiddenSize), [partialOutput]),
              sum.length,
            )
      // As the graph of a whole block multiplies: one float32 rounding.
      return branchScale === 1 ? branch : branch.map((value) => value * Math.fround(branchScale))
    },
  }
}
