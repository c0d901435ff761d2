import type { DeletedRange, ItemId, UpdateItem } from './update-grammar.ts'

/** A stretch of a client's sequence of items. */
type Stretch = ItemId & { readonly length: number }

/** Finds the stretch that holds an id, in logarithmic time: an update from any peer may have 65,536 items. */
export function indexStretches<T extends Stretch>(stretches: readonly T[]): (id: ItemId) => T | undefined {
  const byClient = new Map<number, T[]>()
  for (const stretch of stretches) {
    const list = byClient.get(stretch.client)
    if (list === undefined) byClient.set(stretch.client, [stretch])
    else list.push(stretch)
  }
  for (const list of byClient.values()) list.sort((a, b) => a.clock - b.clock)
  return ({ client, clock }) => {
    const list = byClient.get(client) ?? []
    let low = 0
    let high = list.length
    while (low < high) {
      const middle = (low + high) >> 1
      const start = list[middle]?.clock ?? 0
      if (start <= clock) low = middle + 1
      else high = middle
    }
    const found = list[low - 1]
    return found !== undefined && clock < found.clock + found.length ? found : undefined
  }
}

/** Merges overlapping and touching ranges, so that each struct is visited once. */
export function mergeRanges(ranges: readonly DeletedRange[]): readonly DeletedRange[] {
  const merged: DeletedRange[] = []
  for (const range of [...ranges].sort((a, b) => a.client - b.client || a.clock - b.clock)) {
    const last = merged.at(-1)
    if (last === undefined || last.client !== range.client || last.clock + last.length < range.clock) {
      merged.push(range)
      continue
    }
    const end = Math.max(last.clock + last.length, range.clock + range.length)
    merged[merged.length - 1] = { client: last.client, clock: last.clock, length: end - last.clock }
  }
  return merged
}

/**
 * Finds the keys of items. yjs writes a key only with the first value of a chain; later items name a neighbour. The chain is
 * followed in the update, and into the document by `known`. Each item is visited once, so chains of any shape cost linear
 * time in total.
 */
export function resolveKeys(
  items: readonly UpdateItem[],
  known: (id: ItemId) => string | undefined,
): (item: UpdateItem) => string | undefined {
  const find = indexStretches(items)
  const keys = new Map<UpdateItem, string | undefined>()
  return (item) => {
    const path: UpdateItem[] = []
    let key: string | undefined
    for (let at: UpdateItem | undefined = item; at !== undefined;) {
      if (keys.has(at)) {
        key = keys.get(at)
        break
      }
      path.push(at)
      // Marked before it is resolved, so that a cycle ends without a key.
      keys.set(at, undefined)
      if (at.key !== undefined) {
        key = at.key
        break
      }
      if (at.neighbour === undefined) break
      key = known(at.neighbour)
      if (key !== undefined) break
      at = find(at.neighbour)
    }
    for (const visited of path) keys.set(visited, key)
    return key
  }
}
