import { freeMemory } from '@shoal/host'
import type { CachedRows } from '@shoal/model'
import { allocateBytes } from './allocate-values.ts'
import { tensors, type Feeds } from './compute-session.ts'

export interface KeyValueBufferNames {
  /** Name of the graph's input for this buffer. */
  readonly past: string
  /** Name of the graph's output with new rows. */
  readonly fresh: string
}

/**
 * The keys or the values of one session in one block, of which the first rows of each head are in use. Their number is
 * the `length` of the cache that owns the buffer.
 */
export interface KeyValueBuffer {
  /** Name of the graph's output with new rows. */
  readonly fresh: string
  /** Bytes allocated. */
  readonly bytes: number
  readonly capacity: number
  /** Values of one position. */
  readonly width: number
  /** The buffer as graph inputs. @param length rows in use */
  feeds(length: number): Feeds
  /**
   * Moves the `length` rows in use to a buffer of another capacity. When there is no memory for it, this buffer stays as it was.
   * @throws {ShoalError} `no-capacity`
   */
  grow(capacity: number, length: number): void
  /** Stores rows behind the first `length`. @param added float32 `[heads, rows, headSize]` */
  store(added: Float32Array, rows: number, length: number): void
  /** As `store`, for an output of the graph, whose memory is then freed. */
  take(added: Float32Array | undefined, rows: number, length: number): void
  /** Copies rows `[from, to)` as `[heads, to - from, headSize]` to `target`, from `at` on. */
  copyTo(target: Float32Array, at: number, from: number, to: number): void
}

/** A {@link KeyValueBuffer} in float32, `[1, heads, capacity, headSize]`. */
export function createKeyValueBuffer(
  names: KeyValueBufferNames,
  { heads, size: headSize }: CachedRows,
  firstCapacity: number,
): KeyValueBuffer {
  let capacity = firstCapacity
  let data = allocate(heads * capacity * headSize)
  const feedsOf = (): Feeds => ({ [names.past]: tensors.float32(data, [1, heads, capacity, headSize]) })
  let feeds = feedsOf()
  const rowsOf = (head: number, from: number, to: number): Float32Array =>
    data.subarray((head * capacity + from) * headSize, (head * capacity + to) * headSize)
  const store = (added: Float32Array, rows: number, length: number): void => {
    for (let head = 0; head < heads; head += 1) {
      const from = head * rows * headSize
      data.set(added.subarray(from, from + rows * headSize), (head * capacity + length) * headSize)
    }
  }
  return {
    fresh: names.fresh,
    width: heads * headSize,
    get bytes() {
      return data.byteLength
    },
    get capacity() {
      return capacity
    },
    feeds: () => feeds,
    grow(next, length) {
      const larger = allocate(heads * next * headSize)
      for (let head = 0; head < heads; head += 1) larger.set(rowsOf(head, 0, length), head * next * headSize)
      data = larger
      capacity = next
      feeds = feedsOf()
    },
    store,
    take: takingOutputs(names.fresh, heads * headSize, store),
    copyTo(target, at, from, to) {
      const size = (to - from) * headSize
      for (let head = 0; head < heads; head += 1) target.set(rowsOf(head, from, to), at + head * size)
    },
  }
}

/** @param width values of one position */
export function takingOutputs(
  fresh: string,
  width: number,
  store: KeyValueBuffer['store'],
): KeyValueBuffer['take'] {
  return (added, rows, length) => {
    if (added?.length !== width * rows) throw new Error(`${fresh} should have ${rows} rows`)
    store(added, rows, length)
    freeMemory(added.buffer)
  }
}

function allocate(length: number): Float32Array<ArrayBuffer> {
  return new Float32Array(allocateBytes(length * Float32Array.BYTES_PER_ELEMENT))
}
