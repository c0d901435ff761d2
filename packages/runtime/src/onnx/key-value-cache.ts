import { ShoalError } from '@shoal/host'
import type { BlockRange, ModelConfig } from '@shoal/model'
import { keyValueCapacity } from '../key-value-size.ts'
import { keyValueNames } from './attention.ts'
import { tensors, type Feeds } from './session.ts'

/** The keys and values of one session in the blocks of a range: per block and kind float32 `[KV, capacity, headSize]`. */
export interface KeyValueCache {
  readonly length: number
  /** Bytes allocated. */
  readonly bytes: number
  /** Past keys and values as graph inputs, with room for `length` positions. */
  feeds(length: number): Feeds
  /** Stores the `rows` new rows of every block, float32 `[KV, rows, headSize]`, behind the present ones. */
  append(outputs: Readonly<Record<string, Float32Array>>, rows: number): void
  truncate(length: number): void
  /** Per block keys then values, `[KV, length, headSize]`. */
  export(): Float32Array<ArrayBuffer>
}

interface Buffer {
  readonly past: string
  readonly fresh: string
  capacity: number
  data: Float32Array<ArrayBuffer>
}

export function createKeyValueCache(config: ModelConfig, range: BlockRange, tokenBudget: number): KeyValueCache {
  const { keyValueHeadCount: heads, headSize } = config
  const firstCapacity = keyValueCapacity(1, tokenBudget)
  let length = 0
  const buffers: Buffer[] = []
  for (let block = range.start; block < range.end; block += 1) {
    const names = keyValueNames(block)
    for (const [past, fresh] of [[names.pastKey, names.newKey], [names.pastValue, names.newValue]] as const) {
      buffers.push({ past, fresh, capacity: firstCapacity, data: allocate(heads * firstCapacity * headSize) })
    }
  }
  let inputs = wrap()

  function wrap(): Feeds {
    return Object.fromEntries(buffers.map(({ past, capacity, data }) => [past, tensors.float32(data, [1, heads, capacity, headSize])]))
  }
  function rowsOf({ data, capacity }: Buffer, head: number): Float32Array {
    const from = head * capacity * headSize
    return data.subarray(from, from + length * headSize)
  }
  /** Buffer by buffer, so that only one is held twice; each is whole at any time, should memory run out half-way. */
  function grow(wanted: number): void {
    const next = keyValueCapacity(wanted, tokenBudget)
    for (const buffer of buffers) {
      if (buffer.capacity >= next) continue
      const larger = allocate(heads * next * headSize)
      for (let head = 0; head < heads; head += 1) larger.set(rowsOf(buffer, head), head * next * headSize)
      buffer.data = larger
      buffer.capacity = next
    }
    inputs = wrap()
  }

  return {
    get length() {
      return length
    },
    get bytes() {
      return buffers.reduce((sum, { data }) => sum + data.byteLength, 0)
    },
    feeds(wanted) {
      if (buffers.some(({ capacity }) => wanted > capacity)) grow(wanted)
      return inputs
    },
    append(outputs, rows) {
      for (const { fresh, capacity, data } of buffers) {
        const added = outputs[fresh]
        if (added?.length !== heads * rows * headSize) throw new Error(`${fresh} should have ${rows} rows`)
        for (let head = 0; head < heads; head += 1) {
          const from = head * rows * headSize
          data.set(added.subarray(from, from + rows * headSize), (head * capacity + length) * headSize)
        }
      }
      length += rows
    },
    truncate(shorter) {
      length = Math.min(length, shorter)
    },
    export() {
      const whole = new Float32Array(buffers.length * heads * length * headSize)
      let at = 0
      for (const buffer of buffers) {
        for (let head = 0; head < heads; head += 1) {
          whole.set(rowsOf(buffer, head), at)
          at += length * headSize
        }
      }
      return whole
    },
  }
}

function allocate(length: number): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(length)
  } catch (cause) {
    throw new ShoalError('no-capacity', `this machine has no memory for ${length * Float32Array.BYTES_PER_ELEMENT} more bytes of KV cache`, { cause })
  }
}
