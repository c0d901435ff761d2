import { receiptLimits } from './limits.ts'

/** sha256 of two pieces of bytes, one after the other. An argument, because the native one is nine times as fast. */
export type HashPair = (one: Uint8Array, other: Uint8Array) => Uint8Array

const { digestBytes } = receiptLimits

/**
 * The running hash of a session's rows at one boundary between blocks: `h(0)` is zero, and
 * `h(p + 1) = sha256(h(p) ‖ row p as float32 little-endian)`.
 *
 * The hash at every position is kept (32 bytes beside a row of 16 KiB), so a rewind goes back to its position and the
 * grouping of rows into steps changes nothing.
 */
export class RowChain {
  readonly #rowBytes: number
  readonly #hash: HashPair
  #digests = new Uint8Array(digestBytes)
  #length = 0

  /** @param columns values of a row */
  constructor(columns: number, hash: HashPair) {
    this.#rowBytes = columns * Float32Array.BYTES_PER_ELEMENT
    this.#hash = hash
  }

  /** Rows hashed so far. */
  get length(): number {
    return this.#length
  }

  /** Bytes allocated. */
  get bytes(): number {
    return this.#digests.length
  }

  /** The hash of rows `[0, position)`. @throws {RangeError} for rows that have not come */
  at(position: number): Uint8Array {
    if (position > this.#length)
      throw new RangeError(`no hash at ${position}: ${this.#length} rows have come`)
    return this.#digests.slice(position * digestBytes, (position + 1) * digestBytes)
  }

  /** Hashes whole rows behind those before. */
  append(rows: Float32Array): void {
    const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength)
    const end = this.#length + bytes.length / this.#rowBytes
    this.#reserve(end)
    let digest: Uint8Array = this.at(this.#length)
    for (let from = 0; this.#length < end; from += this.#rowBytes) {
      digest = this.#hash(digest, bytes.subarray(from, from + this.#rowBytes))
      this.#length += 1
      this.#digests.set(digest, this.#length * digestBytes)
    }
  }

  /** Forgets rows from `length` on. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length)
  }

  /** A chain of the first rows of this one, which goes on by itself. @throws {RangeError} for rows that have not come */
  fork(length: number): RowChain {
    if (length > this.#length) throw new RangeError(`no hash at ${length}: ${this.#length} rows have come`)
    const forked = new RowChain(this.#rowBytes / Float32Array.BYTES_PER_ELEMENT, this.#hash)
    forked.#digests = this.#digests.slice(0, (length + 1) * digestBytes)
    forked.#length = length
    return forked
  }

  #reserve(length: number): void {
    const needed = (length + 1) * digestBytes
    if (needed <= this.#digests.length) return
    const grown = new Uint8Array(Math.max(needed, 2 * this.#digests.length))
    grown.set(this.#digests)
    this.#digests = grown
  }
}
