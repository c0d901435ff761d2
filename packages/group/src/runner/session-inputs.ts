/** The rows that have entered a session. A group that is formed again computes its KV caches from them. */
export interface SessionInputs {
  readonly length: number
  append(rows: Float32Array): void
  truncate(length: number): void
  /** All rows in order, in chunks of at most `chunkRows`: views, valid until the next change. */
  chunks(chunkRows: number): Iterable<{ readonly position: number; readonly rows: Float32Array }>
}

export function createSessionInputs(hiddenSize: number): SessionInputs {
  let buffer = new Float32Array(0)
  let length = 0
  return {
    get length() {
      return length
    },
    append(rows) {
      const needed = length * hiddenSize + rows.length
      if (needed > buffer.length) {
        // Doubling the buffer copies each row about twice over the life of a session.
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
