/** Something that waits for its turn on behalf of an owner. */
export interface Waits {
  readonly owner: string
}

/** A line in which owners take turns, and in which each owner's own entries keep the order of their arrival. */
export interface WaitingLine<Entry extends Waits> {
  readonly size: number
  sizeOf(owner: string): number
  /** The entry whose turn it is. */
  readonly first: Entry | undefined
  add(entry: Entry): void
  /** @returns whether the entry was still in the line */
  remove(entry: Entry): boolean
  /** Removes an entry that was served: its owner's other entries wait until all other owners have had a turn. */
  serve(entry: Entry): boolean
}

export function createWaitingLine<Entry extends Waits>(): WaitingLine<Entry> {
  /** By owner, in the order of the owners' turns. */
  const owners = new Map<string, readonly Entry[]>()

  const remove = (entry: Entry): boolean => {
    const { owner } = entry
    const entries = owners.get(owner) ?? []
    if (!entries.includes(entry)) return false
    const rest = entries.filter((other) => other !== entry)
    if (rest.length === 0) owners.delete(owner)
    else owners.set(owner, rest)
    return true
  }

  return {
    get size() {
      return [...owners.values()].reduce((sum, entries) => sum + entries.length, 0)
    },
    sizeOf: (owner) => owners.get(owner)?.length ?? 0,
    get first() {
      const [entries] = owners.values()
      return entries?.[0]
    },
    add(entry) {
      owners.set(entry.owner, [...(owners.get(entry.owner) ?? []), entry])
    },
    remove,
    serve(entry) {
      if (!remove(entry)) return false
      const rest = owners.get(entry.owner)
      owners.delete(entry.owner)
      if (rest !== undefined) owners.set(entry.owner, rest)
      return true
    },
  }
}
