import { freeMemory } from '@shoal/host'
import { limits } from '../../limits.ts'
import { hiddenSizeOf, type Span } from '../../span.ts'
import { cachedNames } from '../graph/attention.ts'
import { hiddenOutput } from '../graph/span-graph.ts'
import { attentionFeeds } from './attention-feeds.ts'
import type { ComputeSession } from './compute-session.ts'
import type { KeyValueCache } from './key-value-cache.ts'
import { createRotation, type Rotation } from './rotation.ts'
import type { RowPadding } from './row-padding.ts'

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
  for (const [index, { attention }] of span.blocks.entries())
    outputs.push(...cachedNames(attention, range.start + index).map(({ fresh }) => fresh))

  function call(cache: KeyValueCache, hidden: Float32Array): Float32Array<ArrayBuffer> {
    const rows = hidden.length / hiddenSize
    const results = session.run(attentionFeeds(cache, rotation, padding, hidden, hiddenSize), outputs)
    cache.append(results, rows)
    const output = results[hiddenOutput]
    if (output === undefined) throw new Error(`the graph returned no ${hiddenOutput}`)
    return firstValues(output, hidden.length)
  }

  return { forward: (cache, hidden) => inCalls(cache, hidden, hiddenSize, call) }
}

/** A graph's output without the rows that padded its input. */
export function firstValues(output: Float32Array<ArrayBuffer>, count: number): Float32Array<ArrayBuffer> {
  if (output.length === count) return output
  const wanted = output.slice(0, count)
  freeMemory(output.buffer)
  return wanted
}

/** Makes calls of at most `rowsPerCallMax` rows; when one fails, the cache is as before. */
export function inCalls(
  cache: KeyValueCache,
  hidden: Float32Array,
  hiddenSize: number,
  call: (cache: KeyValueCache, hidden: Float32Array) => Float32Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  const callValues = limits.rowsPerCallMax * hiddenSize
  const start = cache.length
  try {
    if (hidden.length <= callValues) return call(cache, hidden)
    const whole = new Float32Array(hidden.length)
    for (let at = 0; at < hidden.length; at += callValues)
      whole.set(call(cache, hidden.subarray(at, at + callValues)), at)
    return whole
  } catch (error) {
    cache.truncate(start)
    throw error
  }
}

/** The rotary embedding that the blocks of one graph share. */
function rotationOf({ blocks: [first] }: Span): Rotation {
  if (first === undefined) throw new Error('a span computer needs a graph with blocks')
  return createRotation(first.attention)
}
