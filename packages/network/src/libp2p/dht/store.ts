import type { Shelf } from '../../directory/shelf.ts'
import { HeldEntries, inOrder, type Datastore } from './held-entries.ts'

/**
 * The datastore interface of libp2p over {@link HeldEntries}. libp2p's own in-memory store has no limit, replaces a newer
 * record by an older one that came later, and forgets by the wall clock after two days.
 */
export function createDhtStore(shelf: Shelf, ownId: string): Datastore {
  const entries = new HeldEntries(shelf, ownId)
  return {
    put: (key, value) => entries.put(key, value),
    get: (key) => entries.get(key),
    has: (key) => entries.has(key),
    delete: (key) => entries.remove(key),
    async *putMany(source) {
      for await (const { key, value } of source) yield entries.put(key, value)
    },
    async *getMany(source) {
      for await (const key of source) yield { key, value: entries.get(key) }
    },
    async *deleteMany(source) {
      for await (const key of source) {
        entries.remove(key)
        yield key
      }
    },
    *query(wanted) {
      yield* entries.query(wanted)
    },
    *queryKeys({ prefix, filters = [], ...rest }) {
      const keys = entries.query(prefix === undefined ? {} : { prefix }).map(({ key }) => key)
      yield* inOrder(
        keys.filter((key) => filters.every((filter) => filter(key))),
        rest,
      )
    },
    batch: () => batchOf(entries),
  }
}

/** Steps that take effect together, at `commit`. */
function batchOf(entries: HeldEntries): ReturnType<Datastore['batch']> {
  const steps: (() => void)[] = []
  return {
    put: (key, value) => void steps.push(() => void entries.put(key, value)),
    delete: (key) => void steps.push(() => entries.remove(key)),
    commit: () => {
      for (const step of steps.splice(0)) step()
    },
  }
}
