import { freeMemory, ShoalError } from '@shoal/host'
import type { BlockRange, ModelConfig } from '@shoal/model'
import { keyValueCapacity } from '../../costs/key-value-size.ts'
import { keyValueNames } from '../graph/attention.ts'
import { tensors, type Feeds } from './inference-session.ts'

/** The keys and values of one session in the blocks of a range: per block and kind float32 `[KV, capacity, headSize]`. */
export interface KeyValueCache {
  readonly length: number
  /** Bytes allocated. */
  readonly bytes: number
  /** Past keys and values as graph inputs, with room for `length` positions. */
  feeds(length: number): Feeds
  /** Stores the `rows` new rows of every block, float32 `[KV, rows, headSize]`, behind the present ones, and frees them. */
  append(outputs: Readonly<Record<string, Float32Array>>, rows: number): void
  truncate(length: number): void
  /** Per block keys then values, `[KV, positions, headSize]`; all positions unless said otherwise. */
  export(from?: number, to?: number): Float32Array<ArrayBuffer>
  /** Stores `rows` rows of every block behind the present ones, in the form of `export`. */
  import(keyValues: Float32Array, rows: number): void
}

interface Buffer {
  readonly past: string
  readonly fresh: string
  capacity: number
  data: Float32Array<ArrayBuffer>
}

export function createKeyValueCache(
  config: ModelConfig,
  range: BlockRange,
  tokenBudget: number,
): KeyValueCache {
  const { keyValueHeadCount: heads, headSize } = config
  const firstCapacity = keyValueCapacity(1, tokenBudget)
  let length = 0
  const buffers: Buffer[] = []
  for (let block = range.start; block < range.end; block += 1) {
    const names = keyValueNames(block)
    for (const [past, fresh] of [
      [names.pastKey, names.newKey],
      [names.pastValue, names.newValue],
    ] as const) {
      buffers.push({ past, fresh, capacity: firstCapacity, data: allocate(heads * firstCapacity * headSize) })
    }
  }
  let inputs = wrap()

  function wrap(): Feeds {
    return Object.fromEntries(
      buffers.map(({ past, capacity, data }) => [
        past,
        tensors.float32(data, [1, heads, capacity, headSize]),
      ]),
    )
  }
  function rowsOf({ data, capacity }: Buffer, head: number, from = 0, to = length): Float32Array {
    const first = head * capacity
    return data.subarray((first + from) * headSize, (first + to) * headSize)
  }
  /** @param added float32 `[KV, rows, headSize]` */
  function store({ capacity, data }: Buffer, added: Float32Array, rows: number): void {
    for (let head = 0; head < heads; head += 1) {
      const from = head * rows * headSize
      data.set(added.subarray(from, from + rows * headSize), (head * capacity + length) * headSize)
    }
  }
  function reserve(wanted: number): void {
    if (buffers.some(({ capacity }) => wanted > capacity)) grow(wanted)
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
      reserve(wanted)
      return inputs
    },
    append(outputs, rows) {
      for (const buffer of buffers) {
        const added = outputs[buffer.fresh]
        if (added?.length !== heads * rows * headSize)
          throw new Error(`${buffer.fresh} should have ${rows} rows`)
        store(buffer, added, rows)
        freeMemory(added.buffer)
      }
      length += rows
    },
    truncate(shorter) {
      length = Math.min(length, shorter)
    },
    export(from = 0, to = length) {
      const whole = new Float32Array(buffers.length * heads * (to - from) * headSize)
      let at = 0
      for (const buffer of buffers) {
        for (let head = 0; head < heads; head += 1) {
          whole.set(rowsOf(buffer, head, from, to), at)
          at += (to - from) * headSize
        }
      }
      return whole
    },
    import(keyValues, rows) {
      reserve(length + rows)
      const size = heads * rows * headSize
      if (keyValues.length !== buffers.length * size)
        throw new Error(`${keyValues.length} values are not ${rows} rows`)
      for (const [index, buffer] of buffers.entries())
        store(buffer, keyValues.subarray(index * size, (index + 1) * size), rows)
      length += rows
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
