import { attentionInputs, paddingRows } from '../graph/attention.ts'
import { hiddenInput } from '../graph/span-graph.ts'
import { tensors, type Feeds } from './compute-session.ts'
import type { KeyValueCache } from './key-value-cache.ts'
import type { Rotation } from './rotation.ts'
import { padRows, paddedRows, type RowPadding } from './row-padding.ts'

/**
 * The inputs of attention for rows behind those of the cache, without the rows themselves.
 * @param computed the rows, with those that pad them
 */
export function pastFeeds(cache: KeyValueCache, rotation: Rotation, rows: number, computed: number): Feeds {
  const past = cache.length
  const keys = past + computed + paddingRows
  return {
    ...cache.feeds(past + rows),
    ...rotation(keys, cache.tokenBudget),
    [attentionInputs.lastKey]: tensors.int32(keys - 1),
    [attentionInputs.keyCount]: tensors.int32Scalar(keys),
    [attentionInputs.newStart]: tensors.int64(past),
    [attentionInputs.newEnd]: tensors.int64(past + rows),
  }
}

/**
 * The inputs of a graph with attention, for rows behind those of the cache.
 * @param hidden float32 `[rows, hiddenSize]`
 */
export function attentionFeeds(
  cache: KeyValueCache,
  rotation: Rotation,
  padding: RowPadding,
  hidden: Float32Array,
  hiddenSize: number,
): Feeds {
  const rows = hidden.length / hiddenSize
  const computed = paddedRows(padding, rows)
  return {
    ...pastFeeds(cache, rotation, rows, computed),
    [hiddenInput]: tensors.float32(padRows(padding, hidden, rows), [computed, hiddenSize]),
  }
}
