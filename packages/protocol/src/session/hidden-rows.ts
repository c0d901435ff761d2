import { badFrame } from '../frame.ts'

/**
 * The hidden states of a `step` or `result`, as a view of the payload.
 * @param payload of a frame that a channel delivered, which lies at a multiple of 8 bytes
 * @returns float32 `[rows, hiddenSize]`
 * @throws {ShoalError} `bad-frame` for a payload of another size
 */
export function hiddenRows(payload: Uint8Array, rows: number, hiddenSize: number): Float32Array {
  const expected = rows * hiddenSize * Float32Array.BYTES_PER_ELEMENT
  if (payload.byteLength !== expected) {
    throw badFrame(
      `${rows} rows of hidden size ${hiddenSize} are ${expected} bytes, the payload has ${payload.byteLength}`,
    )
  }
  return new Float32Array(payload.buffer, payload.byteOffset, rows * hiddenSize)
}

/** The bytes of float32 values, as a view. The wire is little-endian, as are all platforms for which Node is released. */
export function bytesOfHidden(hidden: Float32Array): Uint8Array {
  return new Uint8Array(hidden.buffer, hidden.byteOffset, hidden.byteLength)
}
