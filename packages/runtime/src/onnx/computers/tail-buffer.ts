import type { ConvolutionSpec } from '@shoal/model'
import { allocateBytes } from './allocate-values.ts'
import { tensors } from './compute-session.ts'
import { takingOutputs, type KeyValueBuffer, type KeyValueBufferNames } from './key-value-buffer.ts'

/**
 * A {@link KeyValueBuffer} with the inputs of a short convolution, float32 `[capacity, channels]`. A call is fed the last of
 * them only, `[taps - 1, channels]`, with zeros before the first position.
 */
export function createTailBuffer(
  names: KeyValueBufferNames,
  { taps }: ConvolutionSpec,
  channels: number,
  firstCapacity: number,
): KeyValueBuffer {
  const allocated = (rows: number): Float32Array<ArrayBuffer> =>
    new Float32Array(allocateBytes(rows * channels * Float32Array.BYTES_PER_ELEMENT))
  let data = allocated(firstCapacity)
  const store = (added: Float32Array, _rows: number, length: number): void => {
    data.set(added, length * channels)
  }
  return {
    fresh: names.fresh,
    width: channels,
    get bytes() {
      return data.byteLength
    },
    get capacity() {
      return data.length / channels
    },
    feeds(length) {
      const rows = taps - 1
      if (rows === 0) return {}
      const tail = new Float32Array(rows * channels)
      const from = Math.max(0, length - rows)
      tail.set(data.subarray(from * channels, length * channels), (rows - (length - from)) * channels)
      return { [names.past]: tensors.float32(tail, [rows, channels]) }
    },
    grow(next, length) {
      const larger = allocated(next)
      larger.set(data.subarray(0, length * channels))
      data = larger
    },
    store,
    take: takingOutputs(names.fresh, channels, store),
    copyTo(target, at, from, to) {
      target.set(data.subarray(from * channels, to * channels), at)
    },
  }
}
