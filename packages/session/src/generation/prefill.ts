import { throwIfAborted } from '@shoal/host'
import { joinRows } from '../route/hidden-states.ts'
import type { ForwardOptions, HiddenSession } from '../route/types.ts'

/** Rows to append, read when they are needed, so that the embeddings of a long prompt never exist all at once. */
export interface RowSource {
  readonly rows: number
  /** @returns float32 `[to - from, hiddenSize]` */
  read(from: number, to: number): Float32Array | Promise<Float32Array>
}

export interface PrefillOptions {
  /** Rows of one step; 128 when absent. 64 to 128 keep matrix products efficient and stages busy at the same time. */
  readonly chunkRows?: number
  /** Most steps under way; 4 when absent: one for each of three stages, and one on the network. */
  readonly window?: number
  readonly want?: ForwardOptions['want']
  readonly signal?: AbortSignal
}

/** A source of the rows of an array. @param hidden float32 `[rows, hiddenSize]` */
export function rowsFrom(hidden: Float32Array, hiddenSize: number): RowSource {
  return {
    rows: hidden.length / hiddenSize,
    read: (from, to) => hidden.subarray(from * hiddenSize, to * hiddenSize),
  }
}

/**
 * Appends many rows in chunks, several under way at once, so that stages compute at the same time.
 * @returns float32 `[wanted rows, hiddenSize]`; the last row unless `want` says otherwise
 */
export async function prefill(
  session: HiddenSession,
  source: RowSource,
  options: PrefillOptions = {},
): Promise<Float32Array> {
  const { chunkRows = 128, window = 4, want = 'last', signal } = options
  const underWay: Promise<Float32Array>[] = []
  const kept: Float32Array[] = []
  let failed = false

  const takeOldest = async (): Promise<void> => {
    kept.push(await underWay.shift()!)
  }
  for (let from = 0; from < source.rows; from += chunkRows) {
    const to = Math.min(source.rows, from + chunkRows)
    throwIfAborted(signal)
    const rows = await source.read(from, to)
    const step = session.forward(rows, {
      want: want === 'last' && to < source.rows ? 'none' : want,
      ...(signal === undefined ? {} : { signal }),
    })
    // The failure is thrown when this chunk's turn comes; until then it must not count as an unhandled rejection.
    step.catch(() => {
      failed = true
    })
    underWay.push(step)
    while (underWay.length >= window || (failed && underWay.length > 0)) await takeOldest()
  }
  while (underWay.length > 0) await takeOldest()
  return joinRows(kept)
}
