import { createVirtualClock, ShoalError, type VirtualClock } from '@shoal/host'
import { base32 } from 'multiformats/bases/base32'
import { peerIdFromString } from '@libp2p/peer-id'
import { beforeEach, describe, expect, test } from 'vitest'
import { limits } from '../../limits.ts'
import { createShelf, type Shelf } from '../../directory/shelf.ts'
import { recordKey, topicId } from './keys.ts'
import { createDhtStore } from './store.ts'

type Store = ReturnType<typeof createDhtStore>
type Key = Parameters<Store['get']>[0]

const own = '12D3KooWGRUfJL6mxCi5kC6HDA6vgtx7qAoA5rCBpMw5HdrLZ6m1'
const bob = '12D3KooWQPBGJMR194qx5KmQxoLkkg5Lbvrm9m6hhoyxmtdN56mz'
/** All that is used of libp2p's keys. */
const key = (path: string): Key => ({ toString: () => path }) as unknown as Key
const peerKey = (peerId: string): Key => key(`/peers/${peerIdFromString(peerId).toCID().toString()}`)
const recordAt = (owner: string): Key => key(`/dht/record/${base32.baseEncode(recordKey(owner))}`)
const entryAt = (topic: string, peerId: string): Key =>
  key(`/dht/provider/${base32.baseEncode(topicId(topic).multihash.bytes)}/${peerId}`)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const codeOf = (action: () => unknown): string => {
  try {
    action()
    return 'taken'
  } catch (error) {
    return error instanceof ShoalError ? error.code : (error as Error).name
  }
}
const named = async (store: Store, prefix: string): Promise<string[]> => {
  const found: string[] = []
  for await (const pair of store.query({ prefix })) found.push(pair.key.toString())
  return found
}

let clock: VirtualClock
let shelf: Shelf
let store: Store
beforeEach(() => {
  clock = createVirtualClock()
  shelf = createShelf(clock)
  store = createDhtStore(shelf, own)
})

describe('records', () => {
  test('only what the shelf admitted last is held, wrapped as libp2p wraps it', () => {
    expect(codeOf(() => store.put(recordAt(bob), bytes('[never admitted]')))).toBe('bad-frame')
    shelf.admit(bob, { incarnation: 1, seq: 2 }, bytes('second'))
    expect(codeOf(() => store.put(recordAt(bob), bytes('<first>')))).toBe('bad-frame')
    expect(codeOf(() => store.put(recordAt(bob), bytes('<second>')))).toBe('taken')
    expect(store.get(recordAt(bob))).toEqual(bytes('<second>'))
    shelf.admit(bob, { incarnation: 1, seq: 3 }, bytes('third'))
    expect(codeOf(() => store.get(recordAt(bob)))).toBe('NotFoundError')
  })

  test("end with the shelf's time", () => {
    shelf.admit(bob, { incarnation: 1, seq: 1 }, bytes('word'))
    void store.put(recordAt(bob), bytes('<word>'))
    clock.advance(limits.directoryLifeMs)
    expect(store.has(recordAt(bob))).toBe(false)
    expect(codeOf(() => store.get(recordAt(bob)))).toBe('NotFoundError')
  })

  test('of anything but a peer are refused', () => {
    expect(
      codeOf(() => store.put(key(`/dht/record/${base32.baseEncode(bytes('/pk/somebody'))}`), bytes('x'))),
    ).toBe('bad-frame')
    expect(codeOf(() => store.put(key('/dht/provider/topic'), bytes('x')))).toBe('bad-frame')
  })
})

describe('entries', () => {
  test('are told while the shelf holds them and an address of the peer is known', async () => {
    void store.put(entryAt('topic', bob), bytes('time'))
    const prefix = entryAt('topic', '').toString()
    expect(await named(store, prefix)).toEqual([])
    void store.put(peerKey(bob), bytes('addresses'))
    expect(await named(store, prefix)).toEqual([entryAt('topic', bob).toString()])
    clock.advance(limits.directoryLifeMs)
    expect(await named(store, prefix)).toEqual([])
  })

  test('of one peer are few, and a withdrawn one makes room', () => {
    for (let index = 0; index < limits.topicsPerProvider; index += 1)
      void store.put(entryAt(`topic-${index}`, bob), bytes('time'))
    expect(codeOf(() => store.put(entryAt('another', bob), bytes('time')))).toBe('limit-exceeded')
    void store.delete(entryAt('topic-0', bob))
    expect(codeOf(() => store.put(entryAt('another', bob), bytes('time')))).toBe('taken')
  })
})

describe('peers', () => {
  test('an entry that is too large is refused', () => {
    expect(codeOf(() => store.put(peerKey(bob), new Uint8Array(limits.peerEntryBytes + 1)))).toBe(
      'limit-exceeded',
    )
    expect(codeOf(() => store.put(peerKey(bob), new Uint8Array(limits.peerEntryBytes)))).toBe('taken')
  })

  test('a flood pushes out the oldest, and never this peer itself', async () => {
    void store.put(peerKey(own), bytes('me'))
    for (let index = 0; index < 2 * limits.learnedPeers; index += 1)
      void store.put(key(`/peers/stranger-${index}`), bytes('x'))
    const held = await named(store, '/peers/')
    expect(held.length).toBeLessThanOrEqual(limits.learnedPeers)
    expect(held.length).toBeGreaterThan(limits.learnedPeers / 2)
    expect(store.get(peerKey(own))).toEqual(bytes('me'))
    expect(held.at(-1)).toBe(`/peers/stranger-${2 * limits.learnedPeers - 1}`)
  })

  test('filters, order and window of a query', async () => {
    for (const name of ['c', 'a', 'b']) void store.put(key(`/peers/${name}`), bytes(name))
    const found: string[] = []
    for await (const { value } of store.query({
      prefix: '/peers/',
      filters: [({ value }) => value[0] !== 'b'.charCodeAt(0)],
      orders: [(x, y) => (x.key.toString() < y.key.toString() ? -1 : 1)],
      offset: 1,
      limit: 1,
    }))
      found.push(new TextDecoder().decode(value))
    expect(found).toEqual(['c'])
    const keys: string[] = []
    for await (const each of store.queryKeys({ prefix: '/peers/' })) keys.push(each.toString())
    expect(keys).toEqual(['/peers/c', '/peers/a', '/peers/b'])
  })

  test('a batch happens when it is committed', async () => {
    const batch = store.batch()
    batch.put(key('/peers/a'), bytes('a'))
    expect(store.has(key('/peers/a'))).toBe(false)
    await batch.commit()
    expect(store.has(key('/peers/a'))).toBe(true)
  })
})
