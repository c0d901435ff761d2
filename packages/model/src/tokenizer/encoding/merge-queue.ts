/** Places where a pair may be joined: the lowest rank first, the leftmost of equal ranks. */
export class MergeQueue {
  /** A binary heap of rank × 2^31 + place: both fit into an exact integer. */
  readonly #keys: number[] = []

  push(rank: number, at: number): void {
    const keys = this.#keys
    const key = rank * placesMax + at
    let index = keys.length
    keys.push(key)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = keys[parent] ?? 0
      if (above <= key) break
      keys[index] = above
      index = parent
    }
    keys[index] = key
  }

  /** Null when it is empty. */
  pop(): { readonly rank: number; readonly at: number } | null {
    const keys = this.#keys
    const top = keys[0]
    const last = keys.pop()
    if (top === undefined || last === undefined) return null
    if (keys.length > 0) this.#sink(last)
    return { rank: Math.floor(top / placesMax), at: top % placesMax }
  }

  #sink(key: number): void {
    const keys = this.#keys
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      if (left >= keys.length) break
      const [one, other] = [keys[left] ?? 0, keys[left + 1] ?? Infinity]
      const child = other < one ? left + 1 : left
      const below = Math.min(one, other)
      if (below >= key) break
      keys[index] = below
      index = child
    }
    keys[index] = key
  }
}

const placesMax = 2 ** 31
