import { ShoalError } from '@shoal/host'
import * as Y from 'yjs'
import { rootName, type DeletedRange, type InspectedUpdate, type ItemId } from './update-grammar.ts'
import { indexStretches, mergeRanges } from './update-keys.ts'
import { createUpdateLog } from './update-log.ts'

/** What applying an update did. */
export interface AppliedUpdate {
  /** What was new in it, for the neighbours; absent when nothing was. */
  readonly novel: Uint8Array | undefined
  /** The update builds on items that are missing here, so the sender must be asked for its state. */
  readonly incomplete: boolean
}

/** One rotation of the membership document: a flat yjs map from peer id to sealed record. The only file that calls yjs. */
export class MemberDocument {
  readonly name: string
  readonly #log = createUpdateLog()
  /** The update of the last change, as yjs reports it. */
  #novel: Uint8Array | undefined
  #doc: Y.Doc
  #map: Y.Map<Uint8Array>

  constructor(name: string, writer: number) {
    this.name = name
    this.#doc = this.#open(writer)
    this.#map = this.#doc.getMap<Uint8Array>(rootName)
  }

  /** This peer's yjs client id. yjs chooses another one when an update of another peer uses it. */
  get writer(): number {
    return this.#doc.clientID
  }

  get(key: string): Uint8Array | undefined {
    return this.#map.get(key)
  }

  /** Writes this peer's own value. @returns the update for the neighbours */
  set(key: string, value: Uint8Array): Uint8Array {
    this.#novel = undefined
    this.#map.set(key, value)
    if (this.#novel === undefined) throw new Error('yjs made no update of a write')
    this.#log.add(this.#novel, () => this.#encode())
    return this.#novel
  }

  /**
   * Applies all of an update or nothing of it.
   * @throws {ShoalError} `bad-frame` for an update on which yjs fails
   */
  apply(update: Uint8Array): AppliedUpdate {
    this.#novel = undefined
    const { clientID } = this.#doc
    try {
      Y.applyUpdate(this.#doc, update)
    } catch (cause) {
      // yjs has no roll-back: what it had applied before it threw stays, and its indexes may be damaged.
      this.#doc.destroy()
      this.#doc = this.#open(clientID)
      this.#map = this.#doc.getMap<Uint8Array>(rootName)
      throw new ShoalError('bad-frame', 'a membership update was refused: yjs cannot apply it', { cause })
    }
    if (this.#novel !== undefined) this.#log.add(this.#novel, () => this.#encode())
    const { store } = this.#doc
    const incomplete = store.pendingStructs !== null || store.pendingDs !== null
    // Pending updates would pile up without bound; the sender's whole state is asked for instead.
    store.pendingStructs = null
    store.pendingDs = null
    return { novel: this.#novel, incomplete }
  }

  stateVector(): Uint8Array {
    return Y.encodeStateVector(this.#doc)
  }

  /** What a peer with this state vector lacks. @throws {Error} for bytes that are no state vector */
  missing(stateVector: Uint8Array): Uint8Array {
    return Y.encodeStateAsUpdate(this.#doc, stateVector)
  }

  /** The clock of a client's next item: everything below it is here. */
  clockOf(client: number): number {
    return Y.getState(this.#doc.store, client)
  }

  /** The key under which an item stands; absent for an item that is not here. */
  keyAt(id: ItemId): string | undefined {
    if (!this.#holds(id)) return undefined
    const struct = Y.getItem(this.#doc.store, Y.createID(id.client, id.clock))
    return struct instanceof Y.Item ? (struct.parentSub ?? undefined) : undefined
  }

  /** Whether an update builds on items that are neither here nor in itself. */
  buildsOnMissing({ items }: InspectedUpdate): boolean {
    const find = indexStretches(items)
    const isMissing = (id: ItemId): boolean => !this.#holds(id) && find(id) === undefined
    return items.some(
      ({ client, clock, neighbour }) =>
        (clock > 0 && isMissing({ client, clock: clock - 1 })) ||
        (neighbour !== undefined && isMissing(neighbour)),
    )
  }

  /** Whether an update holds nothing new: in a flood most have come before, from another neighbour. */
  has({ items, deleted }: InspectedUpdate): boolean {
    return (
      items.every(({ client, clock, length }) => clock + length <= this.clockOf(client)) &&
      mergeRanges(deleted).every(
        (range) =>
          range.clock + range.length <= this.clockOf(range.client) &&
          [...this.#structsIn(range)].every((struct) => struct.deleted),
      )
    )
  }

  /** Keys whose present value these ranges delete. */
  keysDeletedBy(deleted: readonly DeletedRange[]): readonly string[] {
    const keys: string[] = []
    for (const range of mergeRanges(deleted)) {
      for (const struct of this.#structsIn(range)) {
        if (!(struct instanceof Y.Item) || struct.deleted || struct.parentSub === null) continue
        if (this.#map._map.get(struct.parentSub) === struct) keys.push(struct.parentSub)
      }
    }
    return keys
  }

  /** Whether an update that was applied holds a value under each key from which it deletes an item. */
  explainsDeletions({ items, deleted }: InspectedUpdate): boolean {
    const written = new Set(items.filter(({ value }) => value !== undefined).map((item) => this.keyAt(item)))
    return mergeRanges(deleted).every((range) =>
      [...this.#structsIn(range)].every(
        (struct) => struct instanceof Y.Item && written.has(struct.parentSub ?? undefined),
      ),
    )
  }

  byteLength(): number {
    return this.#encode().length
  }

  destroy(): void {
    this.#doc.destroy()
  }

  /** Makes a document of the updates that were accepted so far. */
  #open(clientId: number): Y.Doc {
    const opened = new Y.Doc({ guid: this.name, gc: true })
    for (const update of this.#log.all()) Y.applyUpdate(opened, update)
    // Set afterwards: yjs takes another id when it finds items of its own in an update.
    opened.clientID = clientId
    opened.on('update', (update: Uint8Array) => {
      this.#novel = update
    })
    return opened
  }

  #encode(): Uint8Array {
    return Y.encodeStateAsUpdate(this.#doc)
  }

  #holds({ client, clock }: ItemId): boolean {
    return clock < this.clockOf(client)
  }

  /** The structs of this document that overlap a range. */
  *#structsIn({ client, clock, length }: DeletedRange): Generator<Y.Item | Y.GC> {
    const end = Math.min(clock + length, this.clockOf(client))
    for (let at = clock; at < end;) {
      const struct = Y.getItem(this.#doc.store, Y.createID(client, at)) as Y.Item | Y.GC
      yield struct
      at = struct.id.clock + struct.length
    }
  }
}
