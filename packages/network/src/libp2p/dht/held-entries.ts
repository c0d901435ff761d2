import { NotFoundError } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { ShoalError } from '@shoal/host'
import type { Libp2pInit } from 'libp2p'
import type { Shelf } from '../../directory/shelf.ts'
import { limits } from '../../limits.ts'
import { decodeStoreKey, ownerOf } from './keys.ts'

export type Datastore = NonNullable<Libp2pInit['datastore']>
export type Key = Parameters<Datastore['get']>[0]
type Query = Parameters<Datastore['query']>[0]
interface Pair {
  key: Key
  value: Uint8Array
}

const records = '/dht/record/'
const providers = '/dht/provider/'
const peers = '/peers/'

/**
 * Everything that libp2p remembers, in memory and bounded. The {@link Shelf} decides what of the directory is held; the
 * rest is one entry per peer met.
 */
export class HeldEntries {
  readonly #shelf: Shelf
  readonly #pairs = new Map<string, Pair>()
  readonly #ownPath: string

  constructor(shelf: Shelf, ownId: string) {
    this.#shelf = shelf
    this.#ownPath = peerPath(ownId)
  }

  has(key: Key): boolean {
    const pair = this.#pairs.get(key.toString())
    return pair !== undefined && this.#holds(key.toString(), pair.value)
  }

  /** @throws {NotFoundError} as libp2p expects it */
  get(key: Key): Uint8Array {
    const path = key.toString()
    const pair = this.#pairs.get(path)
    if (pair === undefined) throw new NotFoundError(`nothing is held under ${path}`)
    if (this.#holds(path, pair.value)) return pair.value
    this.#pairs.delete(path)
    throw new NotFoundError(`what was held under ${path} has ended`)
  }

  /** @throws {ShoalError} `bad-frame` or `limit-exceeded` for what is not held */
  put(key: Key, value: Uint8Array): Key {
    const path = key.toString()
    this.#admit(path, value)
    this.#pairs.delete(path)
    this.#pairs.set(path, { key, value })
    this.#makeRoom()
    return key
  }

  remove(key: Key): void {
    const path = key.toString()
    if (path.startsWith(providers)) this.#shelf.removeProvider(...entryIn(path))
    this.#pairs.delete(path)
  }

  query({ prefix = '', filters = [], ...rest }: Query): Pair[] {
    const found = [...this.#pairs]
      .filter(([path, { value }]) => path.startsWith(prefix) && this.#holds(path, value))
      .map(([, pair]) => pair)
    return inOrder(
      found.filter((pair) => filters.every((filter) => filter(pair))),
      rest,
    )
  }

  /** Whether an entry may still be told. */
  #holds(path: string, value: Uint8Array): boolean {
    if (path.startsWith(records)) {
      const record = this.#shelf.record(ownerIn(path))
      // libp2p wraps a record; what is inside must be the newest that was admitted.
      return record !== null && view(value).includes(view(record))
    }
    if (path.startsWith(providers)) {
      const [topic, peerId] = entryIn(path)
      // libp2p answers nothing at all when it knows no address of one provider.
      return this.#shelf.providers(topic).includes(peerId) && this.#pairs.has(peerPath(peerId))
    }
    return true
  }

  #admit(path: string, value: Uint8Array): void {
    if (path.startsWith(records)) {
      if (!this.#holds(path, value)) throw new ShoalError('bad-frame', 'an older record was refused')
    } else if (path.startsWith(providers)) {
      const [topic, peerId] = entryIn(path)
      if (!this.#shelf.addProvider(topic, peerId))
        throw new ShoalError('limit-exceeded', `${peerId} has entries under too many topics`)
    } else if (value.length > limits.peerEntryBytes) {
      throw new ShoalError(
        'limit-exceeded',
        `an entry of ${value.length} bytes is over the limit of ${limits.peerEntryBytes}`,
      )
    }
  }

  /**
   * Removes what has ended, then the peers heard of longest ago; a tenth at once, so that a flood does not make each entry
   * search for a place.
   */
  #makeRoom(): void {
    if (this.#pairs.size <= limits.learnedPeers) return
    const wanted = Math.floor(limits.learnedPeers * 0.9)
    for (const [path, { value }] of this.#pairs)
      if (!path.startsWith(peers) && !this.#holds(path, value)) this.#pairs.delete(path)
    for (const path of this.#pairs.keys()) {
      if (this.#pairs.size <= wanted) return
      if (path !== this.#ownPath) this.#pairs.delete(path)
    }
  }
}

/** Sorts by each order in turn, then takes the page that was asked for. */
export function inOrder<Item>(
  items: readonly Item[],
  {
    orders = [],
    offset = 0,
    limit = Number.POSITIVE_INFINITY,
  }: {
    readonly orders?: readonly ((a: Item, b: Item) => number)[] | undefined
    readonly offset?: number | undefined
    readonly limit?: number | undefined
  },
): Item[] {
  return orders.reduce((sorted, order) => sorted.toSorted(order), [...items]).slice(offset, offset + limit)
}

const peerPath = (peerId: string): string => peers + peerIdFromString(peerId).toCID().toString()

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const ownerIn = (path: string): string => ownerOf(decodeStoreKey(path.slice(records.length)))

/** `/dht/provider/<topic>/<peer>` */
function entryIn(path: string): [topic: string, peerId: string] {
  const [topic, peerId] = path.slice(providers.length).split('/')
  if (topic === undefined || peerId === undefined)
    throw new ShoalError('bad-frame', 'an entry of the directory names a topic and a peer')
  return [topic, peerId]
}
