/** True when every number is finite. Zero times anything finite is zero, so one sum tells for all without a branch. */
export function allFinite(values: Float32Array): boolean {
  let sum = 0
  for (let i = 0; i < values.length; i += 1) sum += values[i]! * 0
  return sum === 0
}

export function bytesOf(view: Float32Array): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

/** Rows in a float32 `[rows, hiddenSize]`; null when it is not a whole, positive number of them. */
export function rowsOf(hidden: Float32Array, hiddenSize: number): number | null {
  const rows = hidden.length / hiddenSize
  return Number.isInteger(rows) && rows > 0 ? rows : null
}
