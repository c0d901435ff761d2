import { ShoalError } from '@shoal/host'
import * as Y from 'yjs'
import { rootName, type DeletedRange, type InspectedUpdate, type ItemId } from './update-grammar.ts'
import { indexStretches, mergeRanges } from './update-keys.ts'
import { createUpdateLog } from './update-log.ts'

/** What applying an update did. */
export interface AppliedUpdate {
  /** What was new in it, for the neighbours; absent when nothing was. */
  readonly novel: Uint8Array | undefined
  /** It builds on items that we lack: the sender's whole state is needed. */
  readonly incomplete: boolean
}

/** One rotation of the membership document: a flat yjs map from peer id to sealed record. The only door to yjs. */
export interface MemberDocument {
  readonly name: string
  /** Our client id in it. */
  readonly writer: number
  get(key: string): Uint8Array | undefined
  keys(): readonly string[]
  /** Writes our own value. @returns the update for the neighbours */
  set(key: string, value: Uint8Array): Uint8Array
  /**
   * Applies all of an update or nothing of it.
   * @throws {ShoalError} `bad-frame` for an update on which yjs fails
   */
  apply(update: Uint8Array): AppliedUpdate
  stateVector(): Uint8Array
  /** What a peer with this state vector lacks. @throws {Error} for bytes that are no state vector */
  missing(stateVector: Uint8Array): Uint8Array
  /** Highest clock of a client: what it has written so far. */
  clockOf(client: number): number
  /** The key under which an item stands; absent for one that is not here. */
  keyAt(id: ItemId): string | undefined
  /** Whether an update builds on items that are neither here nor in itself. */
  buildsOnMissing(update: InspectedUpdate): boolean
  /** Whether an update says nothing new: in a flood most have come before, from another neighbour. */
  has(update: InspectedUpdate): boolean
  /** Keys whose present value these ranges delete. */
  keysDeletedBy(deleted: readonly DeletedRange[]): readonly string[]
  byteLength(): number
  destroy(): void
}

export function createMemberDocument(name: string, writer: number): MemberDocument {
  const log = createUpdateLog()
  let novel: Uint8Array | undefined
  let doc = open(writer)
  let map = doc.getMap<Uint8Array>(rootName)

  function open(clientId: number): Y.Doc {
    const opened = new Y.Doc({ guid: name, gc: true })
    for (const update of log.all()) Y.applyUpdate(opened, update)
    // Afterwards: yjs takes another id when it finds items of its own in an update.
    opened.clientID = clientId
    opened.on('update', (update: Uint8Array) => {
      novel = update
    })
    return opened
  }

  const encode = (): Uint8Array => Y.encodeStateAsUpdate(doc)

  const itemAt = (id: ItemId): Y.Item | undefined => {
    if (id.clock >= Y.getState(doc.store, id.client)) return undefined
    const struct = Y.getItem(doc.store, Y.createID(id.client, id.clock))
    return struct instanceof Y.Item ? struct : undefined
  }

  /** What is here of a range, whole or in pieces. */
  function* structsIn({ client, clock, length }: DeletedRange): Generator<Y.Item | Y.GC> {
    const end = Math.min(clock + length, Y.getState(doc.store, client))
    for (let at = clock; at < end;) {
      const struct = Y.getItem(doc.store, Y.createID(client, at)) as Y.Item | Y.GC
      yield struct
      at = struct.id.clock + struct.length
    }
  }

  return {
    name,
    // yjs takes another id when it meets our own in a stranger's update.
    get writer() {
      return doc.clientID
    },
    get: (key) => map.get(key),
    keys: () => [...map.keys()],
    set(key, value) {
      novel = undefined
      map.set(key, value)
      if (novel === undefined) throw new Error('yjs made no update of a write')
      log.add(novel, encode)
      return novel
    },
    apply(update) {
      novel = undefined
      const { clientID } = doc
      try {
        Y.applyUpdate(doc, update)
      } catch (cause) {
        // yjs has no transactions: what it had applied before it threw stays, and its indexes may be damaged.
        doc.destroy()
        doc = open(clientID)
        map = doc.getMap<Uint8Array>(rootName)
        throw new ShoalError('bad-frame', 'a membership update was refused: yjs cannot apply it', { cause })
      }
      if (novel !== undefined) log.add(novel, encode)
      const incomplete = doc.store.pendingStructs !== null || doc.store.pendingDs !== null
      // Waiting updates would pile up without bound; the whole state is asked for instead.
      doc.store.pendingStructs = null
      doc.store.pendingDs = null
      return { novel, incomplete }
    },
    stateVector: () => Y.encodeStateVector(doc),
    missing: (stateVector) => Y.encodeStateAsUpdate(doc, stateVector),
    clockOf: (client) => Y.getState(doc.store, client),
    keyAt: (id) => itemAt(id)?.parentSub ?? undefined,
    buildsOnMissing({ items }) {
      const find = indexStretches(items)
      const isKnown = (id: ItemId): boolean => id.clock < Y.getState(doc.store, id.client)
      return items.some(
        ({ client, clock, neighbour }) =>
          (clock > 0 &&
            !isKnown({ client, clock: clock - 1 }) &&
            find({ client, clock: clock - 1 }) === undefined) ||
          (neighbour !== undefined && !isKnown(neighbour) && find(neighbour) === undefined),
      )
    },
    has: ({ items, deleted }) =>
      items.every(({ client, clock, length }) => clock + length <= Y.getState(doc.store, client)) &&
      mergeRanges(deleted).every(
        (range) =>
          range.clock + range.length <= Y.getState(doc.store, range.client) &&
          [...structsIn(range)].every((struct) => struct.deleted),
      ),
    keysDeletedBy(deleted) {
      const keys: string[] = []
      for (const range of mergeRanges(deleted)) {
        for (const struct of structsIn(range))
          if (
            struct instanceof Y.Item &&
            !struct.deleted &&
            struct.parentSub !== null &&
            map._map.get(struct.parentSub) === struct
          )
            keys.push(struct.parentSub)
      }
      return keys
    },
    byteLength: () => encode().length,
    destroy: () => doc.destroy(),
  }
}
