import { freeMemory, ShoalError } from '@shoal/host'
import type { AttentionSpec } from '@shoal/model'
import { tensors } from './inference-session.ts'

type Tensor = ReturnType<typeof tensors.float32>

/**
 * The keys or the values of one session in one block: float32 `[1, heads, capacity, headSize]`, of which the first rows of
 * each head are in use. Their number is the `length` of the cache that owns the buffer.
 */
export interface KeyValueBuffer {
  /** Name of the graph's input for this buffer. */
  readonly past: string
  /** Name of the graph's output with new rows. */
  readonly fresh: string
  /** Bytes allocated. */
  readonly bytes: number
  readonly capacity: number
  /** Values of one position. */
  readonly width: number
  /** The whole buffer as a graph input. */
  readonly tensor: Tensor
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

export function createKeyValueBuffer(
  names: { readonly past: string; readonly fresh: string },
  { keyValueHeadCount: heads, headSize }: AttentionSpec,
  firstCapacity: number,
): KeyValueBuffer {
  let capacity = firstCapacity
  let data = allocate(heads * capacity * headSize)
  let tensor = tensors.float32(data, [1, heads, capacity, headSize])
  const rowsOf = (head: number, from: number, to: number): Float32Array =>
    data.subarray((head * capacity + from) * headSize, (head * capacity + to) * headSize)
  const store = (added: Float32Array, rows: number, length: number): void => {
    for (let head = 0; head < heads; head += 1) {
      const from = head * rows * headSize
      data.set(added.subarray(from, from + rows * headSize), (head * capacity + length) * headSize)
    }
  }
  return {
    ...names,
    width: heads * headSize,
    get bytes() {
      return data.byteLength
    },
    get capacity() {
      return capacity
    },
    get tensor() {
      return tensor
    },
    grow(next, length) {
      const larger = allocate(heads * next * headSize)
      for (let head = 0; head < heads; head += 1) larger.set(rowsOf(head, 0, length), head * next * headSize)
      data = larger
      capacity = next
      tensor = tensors.float32(data, [1, heads, capacity, headSize])
    },
    store,
    take(added, rows, length) {
      if (added?.length !== heads * rows * headSize)
        throw new Error(`${names.fresh} should have ${rows} rows`)
      store(added, rows, length)
      freeMemory(added.buffer)
    },
    copyTo(target, at, from, to) {
      const size = (to - from) * headSize
      for (let head = 0; head < heads; head += 1) target.set(rowsOf(head, from, to), at + head * size)
    },
  }
}

function allocate(length: number): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(length)
  } catch (cause) {
    throw new ShoalError(
      'no-capacity',
      `this machine has no memory for ${length * Float32Array.BYTES_PER_ELEMENT} more bytes of KV cache`,
      { cause },
    )
  }
}
