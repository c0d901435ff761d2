import { NotFoundError } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { ShoalError } from '@shoal/host'
import type { Libp2pInit } from 'libp2p'
import { limits } from '../../limits.ts'
import type { Shelf } from '../../shelf.ts'
import { decodeStoreKey, ownerOf } from './keys.ts'

type Datastore = NonNullable<Libp2pInit['datastore']>
type Key = Parameters<Datastore['get']>[0]
type Query = Parameters<Datastore['query']>[0]
interface Pair {
  key: Key
  value: Uint8Array
}

const records = '/dht/record/'
const providers = '/dht/provider/'
const peers = '/peers/'

/**
 * Everything that libp2p remembers, in memory and bounded. Its own in-memory store has no limit, keeps the older of two
 * records when that one came later, and forgets by the wall clock after two days. Here the {@link Shelf} decides what of
 * the directory is held; what is left is one entry per peer met.
 */
export function createDhtStore(shelf: Shelf, ownId: string): Datastore {
  const pairs = new Map<string, Pair>()
  const peerPath = (peerId: string): string => peers + peerIdFromString(peerId).toCID().toString()
  const ownPath = peerPath(ownId)

  /** Whether an entry may still be told. */
  const holds = (path: string, value: Uint8Array): boolean => {
    if (path.startsWith(records)) {
      const record = shelf.record(ownerIn(path))
      // libp2p wraps a record; what is inside must be the newest that was admitted.
      return record !== null && view(value).includes(view(record))
    }
    if (path.startsWith(providers)) {
      const [topic, peerId] = entryIn(path)
      // libp2p answers nothing at all when it knows no address of one provider.
      return shelf.providers(topic).includes(peerId) && pairs.has(peerPath(peerId))
    }
    return true
  }

  const admit = (path: string, value: Uint8Array): void => {
    if (path.startsWith(records)) {
      if (!holds(path, value)) throw new ShoalError('bad-frame', 'an older record was refused')
    } else if (path.startsWith(providers)) {
      const [topic, peerId] = entryIn(path)
      if (!shelf.addProvider(topic, peerId))
        throw new ShoalError('limit-exceeded', `${peerId} has entries under too many topics`)
    } else if (value.length > limits.peerEntryBytes) {
      throw new ShoalError(
        'limit-exceeded',
        `an entry of ${value.length} bytes is over the limit of ${limits.peerEntryBytes}`,
      )
    }
  }

  const get = (key: Key): Uint8Array => {
    const path = key.toString()
    const pair = pairs.get(path)
    if (pair === undefined) throw new NotFoundError(`nothing is held under ${path}`)
    if (holds(path, pair.value)) return pair.value
    pairs.delete(path)
    throw new NotFoundError(`what was held under ${path} has ended`)
  }

  const remove = (key: Key): void => {
    const path = key.toString()
    if (path.startsWith(providers)) shelf.removeProvider(...entryIn(path))
    pairs.delete(path)
  }

  /** What has ended first, then who was heard of longest ago; some at once, so that a flood does not make each entry search for a place. */
  const makeRoom = (): void => {
    if (pairs.size <= limits.learnedPeers) return
    const wanted = Math.floor(limits.learnedPeers * 0.9)
    for (const [path, { value }] of pairs)
      if (!path.startsWith(peers) && !holds(path, value)) pairs.delete(path)
    for (const path of pairs.keys()) {
      if (pairs.size <= wanted) return
      if (path !== ownPath) pairs.delete(path)
    }
  }

  const put = (key: Key, value: Uint8Array): Key => {
    const path = key.toString()
    admit(path, value)
    pairs.delete(path)
    pairs.set(path, { key, value })
    makeRoom()
    return key
  }

  const query = ({
    prefix = '',
    filters = [],
    orders = [],
    offset = 0,
    limit = Number.POSITIVE_INFINITY,
  }: Query): Pair[] => {
    const found = [...pairs]
      .filter(([path, { value }]) => path.startsWith(prefix) && holds(path, value))
      .map(([, pair]) => pair)
    const wanted = found.filter((pair) => filters.every((filter) => filter(pair)))
    return orders.reduce((sorted, order) => sorted.toSorted(order), wanted).slice(offset, offset + limit)
  }

  return {
    put,
    get,
    has(key) {
      const pair = pairs.get(key.toString())
      return pair !== undefined && holds(key.toString(), pair.value)
    },
    delete: remove,
    async *putMany(source) {
      for await (const { key, value } of source) yield put(key, value)
    },
    async *getMany(source) {
      for await (const key of source) yield { key, value: get(key) }
    },
    async *deleteMany(source) {
      for await (const key of source) {
        remove(key)
        yield key
      }
    },
    *query(wanted) {
      yield* query(wanted)
    },
    *queryKeys({ prefix, filters = [], orders = [], offset = 0, limit = Number.POSITIVE_INFINITY }) {
      const keys = query(prefix === undefined ? {} : { prefix }).map(({ key }) => key)
      const wanted = keys.filter((key) => filters.every((filter) => filter(key)))
      yield* orders.reduce((sorted, order) => sorted.toSorted(order), wanted).slice(offset, offset + limit)
    },
    batch() {
      const steps: (() => void)[] = []
      return {
        put: (key, value) => void steps.push(() => void put(key, value)),
        delete: (key) => void steps.push(() => remove(key)),
        commit: () => {
          for (const step of steps.splice(0)) step()
        },
      }
    },
  }
}

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const ownerIn = (path: string): string => ownerOf(decodeStoreKey(path.slice(records.length)))

/** `/dht/provider/<topic>/<peer>` */
function entryIn(path: string): [topic: string, peerId: string] {
  const [topic, peerId] = path.slice(providers.length).split('/')
  if (topic === undefined || peerId === undefined)
    throw new ShoalError('bad-frame', 'an entry of the directory names a topic and a peer')
  return [topic, peerId]
}
