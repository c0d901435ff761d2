import { freeMemory } from '@shoal/host'
import { attendedInput, projectedOutput } from '../graph/block-parts.ts'
import { hiddenInput } from '../graph/span-graph.ts'
import type { BlockAttention, RowsOfSession } from './block-attention.ts'
import { tensors, type ComputeSession, type Feeds } from './compute-session.ts'
import { padRows, paddedRows, type RowPadding } from './row-padding.ts'
import { inCalls, type SpanComputer } from './span-computer.ts'

/** Runs rows through one block, of one session or of several. */
export interface BlockComputer extends SpanComputer {
  /**
   * Appends the rows of each session to its cache. The matrices of the block are read once for all of them, and each row has
   * the bits that it would have alone (docs/batching.md). When it throws, some caches may have grown.
   * @param parts at most `rowsPerCallMax` rows, of different sessions
   * @param hidden float32 `[rows of all parts, hiddenSize]`
   * @returns the same shape
   */
  forwardTogether(parts: readonly RowsOfSession[], hidden: Float32Array): Float32Array<ArrayBuffer>
}

/** All rows of a call in front of a block and behind its attention, padded as the block needs it. */
export interface AttendedRows {
  /** Inputs of the graph behind attention. */
  readonly feeds: Feeds
  readonly rows: number
  /** Frees what the graph has read. */
  readonly free: () => void
}

/** @param projection session of `projectionGraph` */
export function attendRows(
  projection: ComputeSession,
  attention: BlockAttention,
  padding: RowPadding,
  parts: readonly RowsOfSession[],
  hidden: Float32Array,
): AttendedRows {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  const hiddenSize = hidden.length / rows
  const computed = paddedRows(padding, rows)
  const input = tensors.float32(padRows(padding, hidden, rows), [computed, hiddenSize])
  const projected = projection.run({ [hiddenInput]: input }, [projectedOutput])[projectedOutput]
  if (projected === undefined) throw new Error(`the graph returned no ${projectedOutput}`)
  const attended = attention(parts, projected, computed)
  freeMemory(projected.buffer)
  const heads = tensors.float32(attended, [computed, attended.length / computed])
  return {
    feeds: { [hiddenInput]: input, [attendedInput]: heads },
    rows,
    free: () => freeMemory(attended.buffer),
  }
}

/** A block computer from how it computes one call. */
export function blockComputer(
  hiddenSize: number,
  forwardTogether: BlockComputer['forwardTogether'],
): BlockComputer {
  return {
    forwardTogether,
    forward: (cache, hidden) =>
      inCalls(cache, hidden, hiddenSize, (into, part) =>
        forwardTogether([{ cache: into, rows: part.length / hiddenSize }], part),
      ),
  }
}
