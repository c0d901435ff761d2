import { freeMemory } from '@shoal/host'
import type { BlockSpec } from '@shoal/model'
import { cachedNames } from '../graph/attention.ts'
import { attendedOutput, projectedInput } from '../graph/block-parts.ts'
import { pastFeeds } from './attention-feeds.ts'
import { tensors, type ComputeSession } from './compute-session.ts'
import type { KeyValueCache } from './key-value-cache.ts'
import type { Rotation } from './rotation.ts'

/** Rows of one session in a call that has rows of several. */
export interface RowsOfSession {
  readonly cache: KeyValueCache
  readonly rows: number
}

/**
 * The attention of one block, session by session: each has a KV cache of its own, which stays where it is.
 * @param projected float32 `[computed, q | k | v]`: the rows of the parts in their order, and perhaps padding behind them
 * @returns float32 `[computed, H · headSize]`, whose padding is zero
 */
export type BlockAttention = (
  parts: readonly RowsOfSession[],
  projected: Float32Array,
  computed: number,
) => Float32Array<ArrayBuffer>

/** @param session of `attentionGraph` @param block index in the model */
export function createBlockAttention(
  session: ComputeSession,
  { attention }: BlockSpec,
  block: number,
  rotation: Rotation,
): BlockAttention {
  const names = [attendedOutput, ...cachedNames(attention, block).map(({ fresh }) => fresh)]
  const width = attention.headCount * attention.headSize

  const attend = (cache: KeyValueCache, rows: number, projected: Float32Array): Float32Array<ArrayBuffer> => {
    const input = tensors.float32(projected, [rows, projected.length / rows])
    const results = session.run({ ...pastFeeds(cache, rotation, rows, rows), [projectedInput]: input }, names)
    cache.append(results, rows)
    const attended = results[attendedOutput]
    if (attended?.length !== rows * width) throw new Error(`${attendedOutput} should have ${rows} rows`)
    return attended
  }

  return (parts, projected, computed) => {
    const projectedWidth = projected.length / computed
    const [only] = parts
    if (parts.length === 1 && only?.rows === computed) return attend(only.cache, computed, projected)
    const all = new Float32Array(computed * width)
    let row = 0
    for (const { cache, rows } of parts) {
      const own = projected.subarray(row * projectedWidth, (row + rows) * projectedWidth)
      const attended = attend(cache, rows, own)
      all.set(attended, row * width)
      freeMemory(attended.buffer)
      row += rows
    }
    return all
  }
}
