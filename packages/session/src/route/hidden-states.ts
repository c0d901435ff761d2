/** True when no value is infinite or NaN: one such value would spread over every row that attends to it. */
export function allFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i += 1) if (!Number.isFinite(values[i])) return false
  return true
}

export function bytesOf(view: Float32Array): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

/** Rows in a float32 `[rows, hiddenSize]`; null when it is not a whole, positive number of them. */
export function rowsOf(hidden: Float32Array, hiddenSize: number): number | null {
  const rows = hidden.length / hiddenSize
  return Number.isInteger(rows) && rows > 0 ? rows : null
}

/** Concatenates arrays. A single array is returned as it is, without a copy. */
export function joinRows(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let filled = 0
  for (const part of parts) {
    joined.set(part, filled)
    filled += part.length
  }
  return joined
}
