import { sessionLimits } from './limits.ts'

/**
 * Rows `[first, length)` in segments of a fixed size: they never move, so a view of them stays valid until they are
 * cut off, and memory grows with what is stored.
 */
export class RowSegments {
  readonly #hiddenSize: number
  readonly #maxRows: number
  readonly #segments: Float32Array[] = []
  #first = 0
  #length = 0

  constructor(hiddenSize: number, maxRows: number) {
    this.#hiddenSize = hiddenSize
    this.#maxRows = maxRows
  }

  get first(): number {
    return this.#first
  }

  get length(): number {
    return this.#length
  }

  get bytes(): number {
    return this.#segments.length * sessionLimits.journalSegmentRows * this.#hiddenSize * 4
  }

  /** Sets the position of the first row. @throws {RangeError} when there are rows already */
  startAt(position: number): void {
    if (this.#length > this.#first)
      throw new RangeError(`a journal of [${this.#first}, ${this.#length}) cannot start at ${position}`)
    this.#first = position
    this.#length = position
  }

  /** Appends a copy of `rows`, float32 `[count, hiddenSize]`. @returns the count */
  append(rows: Float32Array): number {
    const count = rows.length / this.#hiddenSize
    if (!Number.isInteger(count) || this.#length + count > this.#maxRows)
      throw new RangeError(
        `${rows.length} numbers do not fit a journal of ${this.#length} of ${this.#maxRows} rows`,
      )
    const { journalSegmentRows } = sessionLimits
    const position = this.#length
    while (this.#segments.length * journalSegmentRows < this.#length + count - this.#first)
      this.#segments.push(new Float32Array(journalSegmentRows * this.#hiddenSize))
    this.#length += count
    let taken = 0
    for (const view of this.views(position, this.#length)) {
      view.set(rows.subarray(taken, taken + view.length))
      taken += view.length
    }
    return count
  }

  /** Forgets the rows from `length` on, and frees their segments. */
  cut(length: number): void {
    if (length < 0 || length > this.#length)
      throw new RangeError(`a journal of [${this.#first}, ${this.#length}) cannot be cut to ${length}`)
    this.#length = Math.max(this.#first, length)
    this.#segments.length = Math.ceil((this.#length - this.#first) / sessionLimits.journalSegmentRows)
    if (length < this.#first) this.startAt(length)
  }

  /** Rows `[from, to)` without a copy: float32 views that follow each other. */
  views(from: number, to: number): Float32Array[] {
    if (from < this.#first || to < from || to > this.#length)
      throw new RangeError(`rows [${from}, ${to}) of a journal of [${this.#first}, ${this.#length})`)
    const { journalSegmentRows } = sessionLimits
    const found: Float32Array[] = []
    for (let row = from; row < to;) {
      const index = Math.floor((row - this.#first) / journalSegmentRows)
      const base = this.#first + index * journalSegmentRows
      const end = Math.min(to, base + journalSegmentRows)
      const [begin, stop] = [(row - base) * this.#hiddenSize, (end - base) * this.#hiddenSize]
      found.push(this.#segments[index]!.subarray(begin, stop))
      row = end
    }
    return found
  }
}
