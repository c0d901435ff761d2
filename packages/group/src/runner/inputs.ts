import type { BlockRange } from '@shoal/model'

/** The rows that entered a session of a group so far: what a group that is formed again computes its caches from. */
export interface GroupInputs {
  readonly length: number
  append(rows: Float32Array): void
  truncate(length: number): void
  /** Rows `[from, to)` in chunks of at most `chunkRows`, in order. */
  chunks(chunkRows: number): Iterable<{ readonly position: number; readonly rows: Float32Array }>
}

/** A session as the leader of a group keeps it. */
export interface GroupSession {
  readonly number: number
  readonly tokenBudget: number
  readonly part: BlockRange
  readonly inputs: GroupInputs
  /** Positions, those of queued calls included. */
  length: number
}

export function createGroupInputs(hiddenSize: number): GroupInputs {
  let buffer = new Float32Array(0)
  let length = 0
  return {
    get length() {
      return length
    },
    append(rows) {
      const needed = length * hiddenSize + rows.length
      if (needed > buffer.length) {
        // Twice as much each time: a session's life copies each row about twice.
        const larger = new Float32Array(Math.max(needed, 2 * buffer.length))
        larger.set(buffer.subarray(0, length * hiddenSize))
        buffer = larger
      }
      buffer.set(rows, length * hiddenSize)
      length = needed / hiddenSize
    },
    truncate(shorter) {
      length = Math.min(length, shorter)
    },
    *chunks(chunkRows) {
      for (let position = 0; position < length; position += chunkRows) {
        yield {
          position,
          rows: buffer.subarray(position * hiddenSize, Math.min(length, position + chunkRows) * hiddenSize),
        }
      }
    },
  }
}
