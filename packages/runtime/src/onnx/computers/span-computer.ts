import { freeMemory } from '@shoal/host'
import { limits } from '../../limits.ts'
import { hiddenSizeOf, type Span } from '../../span.ts'
import { attentionInputs, keyValueNames, paddingRows } from '../graph/attention.ts'
import type { KeyValueCache } from './key-value-cache.ts'
import { createRotation, type Rotation } from './rotation.ts'
import { padRows, paddedRows, type RowPadding } from './row-padding.ts'
import { tensors, type ComputeSession } from './inference-session.ts'
import { hiddenInput, hiddenOutput } from '../graph/span-graph.ts'

/** Runs rows of one session through the blocks of one loaded graph. */
export interface SpanComputer {
  /**
   * Appends the rows to the cache; when it throws, the cache is as before.
   * @param hidden float32 `[rows, hiddenSize]`
   * @returns the same shape
   */
  forward(cache: KeyValueCache, hidden: Float32Array): Float32Array<ArrayBuffer>
}

export function createSpanComputer(
  session: ComputeSession,
  span: Span,
  padding: RowPadding,
  rotation: Rotation = rotationOf(span),
): SpanComputer {
  const hiddenSize = hiddenSizeOf(span)
  const { range } = span
  const outputs = [hiddenOutput]
  for (let block = range.start; block < range.end; block += 1) {
    const { newKey, newValue } = keyValueNames(block)
    outputs.push(newKey, newValue)
  }

  function call(cache: KeyValueCache, hidden: Float32Array): Float32Array<ArrayBuffer> {
    const rows = hidden.length / hiddenSize
    const computed = paddedRows(padding, rows)
    const past = cache.length
    const keys = past + computed + paddingRows
    const results = session.run(
      {
        ...cache.feeds(past + rows),
        ...rotation(keys),
        [hiddenInput]: tensors.float32(padRows(padding, hidden, rows), [computed, hiddenSize]),
        [attentionInputs.lastKey]: tensors.int32(keys - 1),
        [attentionInputs.keyCount]: tensors.int32Scalar(keys),
        [attentionInputs.newStart]: tensors.int64(past),
        [attentionInputs.newEnd]: tensors.int64(past + rows),
      },
      outputs,
    )
    cache.append(results, rows)
    const output = results[hiddenOutput]
    if (output === undefined) throw new Error(`the graph returned no ${hiddenOutput}`)
    if (computed === rows) return output
    const wanted = output.slice(0, hidden.length)
    freeMemory(output.buffer)
    return wanted
  }

  return {
    forward(cache, hidden) {
      const callValues = limits.rowsPerCallMax * hiddenSize
      if (hidden.length <= callValues) return call(cache, hidden)
      const start = cache.length
      const whole = new Float32Array(hidden.length)
      try {
        for (let at = 0; at < hidden.length; at += callValues)
          whole.set(call(cache, hidden.subarray(at, at + callValues)), at)
      } catch (error) {
        cache.truncate(start)
        throw error
      }
      return whole
    },
  }
}

/** The rotary embedding that the blocks of one graph share. */
function rotationOf({ blocks: [first] }: Span): Rotation {
  if (first === undefined) throw new Error('a span computer needs a graph with blocks')
  return createRotation(first.attention)
}
