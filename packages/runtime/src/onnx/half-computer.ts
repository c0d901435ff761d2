import type { ModelConfig } from '@shoal/model'
import { attentionInputs, keyValueNames, paddingRows } from './attention.ts'
import { branchInput, partialOutput } from './half-graph.ts'
import type { KeyValueCache } from './key-value-cache.ts'
import { padRows, paddedRows, type RowPadding } from './row-padding.ts'
import { tensors, type ComputeSession, type Feeds } from './session.ts'
import type { Rotation } from './span-computer.ts'
import { hiddenInput, hiddenOutput } from './span-graph.ts'

/** The residual stream between two half-blocks: float32 `[rows, hiddenSize]` each. */
export interface Stream {
  readonly hidden: Float32Array
  /** Summed over all ranks, not added to `hidden` yet. */
  readonly branch: Float32Array
}

/** The same behind a half-block: this rank's part of the branch. */
export interface PartialStream {
  readonly hidden: Float32Array
  readonly partial: Float32Array
}

export interface HalfComputer {
  /** Appends the rows' keys and values to the cache. */
  attention(cache: KeyValueCache, stream: Stream): PartialStream
  feedForward(stream: Stream): PartialStream
}

export interface HalfSessions {
  readonly attention: ComputeSession
  readonly feedForward: ComputeSession
}

/** Runs the two halves of one block on a rank's share. @param config as the rank sees it */
export function createHalfComputer(sessions: HalfSessions, config: ModelConfig, block: number, padding: RowPadding, rotation: Rotation): HalfComputer {
  const { hiddenSize } = config
  const { newKey, newValue } = keyValueNames(block)

  const feedsOf = ({ hidden, branch }: Stream, rows: number): Feeds => {
    const shape = [paddedRows(padding, rows), hiddenSize]
    return { [hiddenInput]: tensors.float32(padRows(padding, hidden, rows), shape), [branchInput]: tensors.float32(padRows(padding, branch, rows), shape) }
  }
  const streamOf = (results: Readonly<Record<string, Float32Array>>, values: number): PartialStream => {
    const { [hiddenOutput]: hidden, [partialOutput]: partial } = results
    if (hidden === undefined || partial === undefined) throw new Error('a half-block has hidden states and a partial sum')
    return { hidden: hidden.subarray(0, values), partial: partial.subarray(0, values) }
  }

  return {
    attention(cache, stream) {
      const rows = stream.hidden.length / hiddenSize
      const past = cache.length
      const keys = past + paddedRows(padding, rows) + paddingRows
      const results = sessions.attention.run(
        {
          ...cache.feeds(past + rows),
          ...rotation(keys),
          ...feedsOf(stream, rows),
          [attentionInputs.lastKey]: tensors.int32(keys - 1),
          [attentionInputs.keyCount]: tensors.int32Scalar(keys),
          [attentionInputs.newStart]: tensors.int64(past),
          [attentionInputs.newEnd]: tensors.int64(past + rows),
        },
        [partialOutput, hiddenOutput, newKey, newValue],
      )
      cache.append(results, rows)
      return streamOf(results, stream.hidden.length)
    },
    feedForward(stream) {
      const rows = stream.hidden.length / hiddenSize
      return streamOf(sessions.feedForward.run(feedsOf(stream, rows), [partialOutput, hiddenOutput]), stream.hidden.length)
    },
  }
}
