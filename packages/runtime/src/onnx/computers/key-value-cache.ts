import { keyValueCapacity } from '../../costs/key-value-size.ts'
import type { Span } from '../../span.ts'
import { cachedNames } from '../graph/attention.ts'
import type { Feeds } from './compute-session.ts'
import { createKeyValueBuffer, type KeyValueBuffer } from './key-value-buffer.ts'
import { createRoundedBuffer } from './rounded-buffer.ts'
import { createTailBuffer } from './tail-buffer.ts'

/** The keys and values of one session in the blocks of one graph. */
export interface KeyValueCache {
  /** Positions that the session may have. */
  readonly tokenBudget: number
  readonly length: number
  /** Bytes allocated. */
  readonly bytes: number
  /** Past keys and values as graph inputs, with room for `length` positions. @throws {ShoalError} `no-capacity` */
  feeds(length: number): Feeds
  /**
   * Stores the `rows` new rows of every block behind the present ones, and frees them.
   * @param outputs of the graph, float32 `[keyValueHeads, rows, headSize]` each
   */
  append(outputs: Readonly<Record<string, Float32Array>>, rows: number): void
  truncate(length: number): void
  /** Per block keys, then values, `[keyValueHeads, positions, headSize]`; all positions by default. */
  export(from?: number, to?: number): Float32Array<ArrayBuffer>
  /** Stores `rows` rows of every block behind the present ones, in the form of `export`. @throws {ShoalError} `no-capacity` */
  import(keyValues: Float32Array, rows: number): void
}

export function createKeyValueCache(span: Span, tokenBudget: number): KeyValueCache {
  const buffers = buffersOf(span, keyValueCapacity(1, tokenBudget))
  /** Values of one position in all buffers. */
  const width = buffers.reduce((sum, buffer) => sum + buffer.width, 0)
  let length = 0
  /** Grows the buffers one after the other, so that only one of them at a time is in memory twice. */
  const reserve = (wanted: number): void => {
    const next = keyValueCapacity(wanted, tokenBudget)
    for (const buffer of buffers) if (wanted > buffer.capacity) buffer.grow(next, length)
  }
  return {
    tokenBudget,
    get length() {
      return length
    },
    get bytes() {
      return buffers.reduce((sum, buffer) => sum + buffer.bytes, 0)
    },
    feeds(wanted) {
      reserve(wanted)
      return Object.assign({}, ...buffers.map((buffer) => buffer.feeds(length))) as Feeds
    },
    append(outputs, rows) {
      for (const buffer of buffers) buffer.take(outputs[buffer.fresh], rows, length)
      length += rows
    },
    truncate(shorter) {
      length = Math.min(length, shorter)
    },
    export(from = 0, to = length) {
      const whole = new Float32Array(width * (to - from))
      let at = 0
      for (const buffer of buffers) {
        buffer.copyTo(whole, at, from, to)
        at += buffer.width * (to - from)
      }
      return whole
    },
    import(keyValues, rows) {
      if (keyValues.length !== width * rows)
        throw new Error(`${keyValues.length} values are not ${rows} rows`)
      reserve(length + rows)
      let at = 0
      for (const buffer of buffers) {
        buffer.store(keyValues.subarray(at, at + buffer.width * rows), rows, length)
        at += buffer.width * rows
      }
      length += rows
    },
  }
}

function buffersOf({ range, blocks, kv }: Span, capacity: number): KeyValueBuffer[] {
  const create = kv === 'f32' ? createKeyValueBuffer : createRoundedBuffer
  return blocks.flatMap(({ attention }, index) =>
    cachedNames(attention, range.start + index).map((rows) =>
      attention.convolution === undefined
        ? create(rows, rows, capacity)
        : createTailBuffer(rows, attention.convolution, rows.size, capacity),
    ),
  )
}
