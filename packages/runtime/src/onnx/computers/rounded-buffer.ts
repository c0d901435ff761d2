import type { CachedRows } from '@shoal/model'
import { codeOf, scaleOf } from '../../tensors/key-value-rounding.ts'
import { scaleName } from '../graph/attention.ts'
import { allocateBytes } from './allocate-values.ts'
import { tensors, type Feeds } from './compute-session.ts'
import { takingOutputs, type KeyValueBuffer, type KeyValueBufferNames } from './key-value-buffer.ts'

/**
 * A {@link KeyValueBuffer} in int8: codes `[heads · capacity, headSize]` and a float32 scale for each of their rows. What is
 * stored is rounded; what the graph has rounded already keeps its bits, also when it is copied out and stored again.
 */
export function createRoundedBuffer(
  names: KeyValueBufferNames,
  { heads, size: headSize }: CachedRows,
  firstCapacity: number,
): KeyValueBuffer {
  let capacity = firstCapacity
  const allocated = (rows: number): { codes: Int8Array; scales: Float32Array } => ({
    codes: new Int8Array(allocateBytes(heads * rows * headSize)),
    scales: new Float32Array(allocateBytes(heads * rows * Float32Array.BYTES_PER_ELEMENT)),
  })
  let { codes, scales } = allocated(capacity)
  const feedsOf = (): Feeds => ({
    [names.past]: tensors.int8(codes, [heads * capacity, headSize]),
    [scaleName(names.past)]: tensors.float32(scales, [heads * capacity]),
  })
  let feeds = feedsOf()
  const store = (added: Float32Array, rows: number, length: number): void => {
    for (let head = 0; head < heads; head += 1) {
      for (let row = 0; row < rows; row += 1) {
        const from = (head * rows + row) * headSize
        const to = head * capacity + length + row
        const scale = scaleOf(added, from, from + headSize)
        scales[to] = scale
        for (let channel = 0; channel < headSize; channel += 1)
          codes[to * headSize + channel] = codeOf(added[from + channel] as number, scale)
      }
    }
  }
  return {
    fresh: names.fresh,
    width: heads * headSize,
    get bytes() {
      return codes.byteLength + scales.byteLength
    },
    get capacity() {
      return capacity
    },
    feeds: () => feeds,
    grow(next, length) {
      const larger = allocated(next)
      for (let head = 0; head < heads; head += 1) {
        const from = head * capacity
        larger.codes.set(codes.subarray(from * headSize, (from + length) * headSize), head * next * headSize)
        larger.scales.set(scales.subarray(from, from + length), head * next)
      }
      ;({ codes, scales } = larger)
      capacity = next
      feeds = feedsOf()
    },
    store,
    take: takingOutputs(names.fresh, heads * headSize, store),
    copyTo(target, at, from, to) {
      let next = at
      for (let head = 0; head < heads; head += 1) {
        for (let row = head * capacity + from; row < head * capacity + to; row += 1) {
          const scale = scales[row] as number
          for (let channel = 0; channel < headSize; channel += 1) {
            target[next] = (codes[row * headSize + channel] as number) * scale
            next += 1
          }
        }
      }
    },
  }
}
