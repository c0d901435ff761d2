import type { BlockSpec } from '@shoal/model'
import { keyValueNames } from '../graph/attention.ts'
import { partialOutput } from '../graph/half-graph.ts'
import { attentionFeeds } from './attention-feeds.ts'
import type { KeyValueCache } from './key-value-cache.ts'
import { padRows, paddedRows, type RowPadding } from './row-padding.ts'
import { tensors, type ComputeSession, type Feeds } from './inference-session.ts'
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
}

export interface HalfSessions {
  readonly attention: ComputeSession
  readonly feedForward: ComputeSession
}

/**
 * Runs the two halves of one block on a rank's share.
 * @param spec as the rank sees it
 * @param block index in the model
 */
export function createHalfComputer(
  sessions: HalfSessions,
  { hiddenSize }: BlockSpec,
  block: number,
  padding: RowPadding,
  rotation: Rotation,
): HalfComputer {
  const { newKey, newValue } = keyValueNames(block)

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
      const results = sessions.attention.run(attentionFeeds(cache, rotation, padding, hidden, hiddenSize), [
        partialOutput,
        newKey,
        newValue,
      ])
      cache.append(results, hidden.length / hiddenSize)
      return partialOf(results, hidden.length)
    },
    feedForward: (hidden) =>
      partialOf(
        sessions.feedForward.run(feedsOf(hidden, hidden.length / hiddenSize), [partialOutput]),
        hidden.length,
      ),
  }
}
