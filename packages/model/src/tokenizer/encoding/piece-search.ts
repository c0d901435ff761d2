/** Finds the pieces that begin at a place of a text, with binary searches in their sorted list. */
export class PieceSearch {
  readonly #pieces: readonly string[]
  readonly #ids: readonly number[]

  /** @param ids of pieces without duplicates */
  constructor(ids: ReadonlyMap<string, number>) {
    const entries = [...ids]
      .filter(([piece]) => piece !== '')
      .toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
    this.#pieces = entries.map(([piece]) => piece)
    this.#ids = entries.map(([, id]) => id)
  }

  /** Calls for each piece that begins at this place, from the shortest to the longest. */
  forEachAt(text: string, at: number, found: (id: number, length: number) => void): void {
    let [low, high] = [0, this.#pieces.length]
    for (let length = 0; at + length < text.length; length++) {
      const unit = text.charCodeAt(at + length)
      low = this.#bound(low, high, length, unit)
      high = this.#bound(low, high, length, unit + 1)
      const piece = this.#pieces[low]
      if (low >= high || piece === undefined) return
      if (piece.length === length + 1) found(this.#ids[low] ?? 0, length + 1)
    }
  }

  /** First piece in [low, high) whose unit at this index is at least `unit`; shorter pieces come first. */
  #bound(low: number, high: number, index: number, unit: number): number {
    while (low < high) {
      const middle = (low + high) >> 1
      const piece = this.#pieces[middle] ?? ''
      if (piece.length <= index || piece.charCodeAt(index) < unit) low = middle + 1
      else high = middle
    }
    return low
  }
}
