import { greedy, largestCandidates } from '@shoal/model'

/**
 * The largest logits of each row: their ids, and behind them their values.
 * @param logits float32 `[rows, vocabularySize]`
 * @returns for each row uint32 `[best]`, then float32 `[best]`, little-endian as on every platform that Node runs on
 */
export function packBest(logits: Float32Array, rows: number, best: number): Uint8Array {
  const packed = new ArrayBuffer(rows * best * 8)
  const columns = logits.length / rows
  for (let row = 0; row < rows; row += 1) {
    const own = logits.subarray(row * columns, (row + 1) * columns)
    const ids = best === 1 ? [greedy(own)] : largestCandidates(own, best)
    const at = row * best * 8
    new Uint32Array(packed, at, best).set(ids)
    new Float32Array(packed, at + best * 4, best).set(Array.from(ids, (id) => own[id] as number))
  }
  return new Uint8Array(packed)
}

/**
 * Writes packed rows into whole ones, in which all other logits are -Infinity.
 * @throws {RangeError} when an id is outside the vocabulary
 */
export function unpackBest(
  packed: Uint8Array,
  { rows, best }: { readonly rows: number; readonly best: number },
  into: Float32Array,
): void {
  const columns = into.length / rows
  into.fill(-Infinity)
  for (let row = 0; row < rows; row += 1) {
    const at = packed.byteOffset + row * best * 8
    const ids = new Uint32Array(packed.buffer, at, best)
    const values = new Float32Array(packed.buffer, at + best * 4, best)
    for (const [index, id] of ids.entries()) {
      if (id >= columns) throw new RangeError(`id ${id} is outside a vocabulary of ${columns}`)
      into[row * columns + id] = values[index] as number
    }
  }
}
