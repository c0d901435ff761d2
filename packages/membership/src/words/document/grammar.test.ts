import { ShoalError } from '@shoal/host'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { memberLimits } from '../../limits.ts'
import {
  dearestUpdate,
  firstItem,
  itemAfter,
  writtenUpdate,
  type WrittenItem,
} from '../../testing/written-update.ts'
import { emptyShape, inspectUpdate, rootName } from './grammar.ts'
import { OwnerDocument } from './owner-document.ts'

const client = 77
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const values = (entries: Record<string, string>): Map<string, Uint8Array> =>
  new Map(Object.entries(entries).map(([key, value]) => [key, bytes(value)]))

/** An update of another kind of document, by the right client. */
function made(write: (doc: Y.Doc) => void): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = client
  write(doc)
  return Y.encodeStateAsUpdate(doc)
}

/** An update written by hand. */
const written = (
  clock: number,
  items: readonly WrittenItem[],
  deleted: readonly (readonly [number, number])[] = [],
): Uint8Array => writtenUpdate(client, clock, items, deleted)

const first = firstItem('a')
const after = (clock: number): WrittenItem => itemAfter(client, clock)

test('what an honest owner writes is accepted, and the shape follows it', () => {
  const document = new OwnerDocument(client)
  const copy = new OwnerDocument(client)
  const steps = [{ a: '1', b: '1' }, { a: '2', b: '1' }, { b: '1', c: '1' }, { a: '3', b: '1', c: '2' }, {}]
  for (const step of steps) {
    const update = document.write(values(step))
    copy.apply(update!)
    expect(copy.values()).toEqual(values(step))
  }
  const [shape] = [written(0, [first, { info: 0x23, key: 'b' }, after(0)], [[0, 1]])].map((update) =>
    inspectUpdate(update, client, emptyShape),
  )
  expect(shape).toEqual({
    clock: 3,
    newest: new Map([
      ['a', 2],
      ['b', 1],
    ]),
  })
})

describe('an update is refused that', () => {
  test.each<[string, Uint8Array, string]>([
    ['holds text', made((doc) => doc.getText(rootName).insert(0, 'x')), 'kind'],
    ['holds a nested map', made((doc) => doc.getMap(rootName).set('a', new Y.Map())), 'kind'],
    ['holds a plain value', made((doc) => doc.getMap(rootName).set('a', 'x')), 'kind'],
    ['has another root', written(0, [{ ...first, root: 'x' }]), 'not in the map'],
    ['has no key', written(0, [{ ...first, key: '' }]), 'bad length'],
    ['has a long key', written(0, [{ ...first, key: 'k'.repeat(161) }]), 'bad length'],
    ['leaves clocks out', written(1, [first]), 'do not go on'],
    ['writes a key twice side by side', written(0, [first, first]), 'beside another one'],
    ['stands behind itself', written(0, [after(0)]), 'not behind the newest'],
    ['stands behind a later item', written(0, [first, after(2), after(1)]), 'not behind the newest'],
    [
      'stands behind an item that was overwritten',
      written(0, [first, after(0), after(0)]),
      'not behind the newest',
    ],
    [
      "stands behind another client's item",
      written(0, [first, { info: 0xa3, origin: [9, 0] }]),
      'not behind',
    ],
    ['stands before an item', written(0, [first, { info: 0x63, origin: [client, 0] }]), 'kind'],
    ['holds remains', written(0, [{ info: 0x21, key: 'a' }]), 'kind'],
    ['holds collected items', written(0, [{ info: 0 }]), 'kind'],
    ['deletes what is not there', written(0, [first], [[0, 2]]), 'out of place'],
    ['deletes nothing', written(0, [first], [[0, 0]]), 'out of place'],
    [
      'deletes ranges that overlap',
      written(
        0,
        [first, after(0)],
        [
          [0, 2],
          [1, 1],
        ],
      ),
      'out of place',
    ],
    ['deletes far more than there is', written(0, [first], [[0, 2 ** 40]]), 'out of place'],
    [
      'has too many items',
      written(
        0,
        Array.from({ length: 513 }, (_, at) => ({ info: 0x23, key: `k${at}` })),
      ),
      '513 items',
    ],
    ['has bytes behind its end', Uint8Array.of(...written(0, [first]), 0), 'does not end'],
    ['is cut', written(0, [first]).slice(0, -3), 'damaged'],
    ['is empty', new Uint8Array(), 'damaged'],
  ])('%s', (_, update, why) => {
    expect(() => inspectUpdate(update, client, emptyShape)).toThrow(why)
    expect(() => inspectUpdate(update, client, emptyShape)).toThrow(ShoalError)
  })

  test('is written by the client of another document', () => {
    expect(() => inspectUpdate(written(0, [first]), client + 1, emptyShape)).toThrow('another client')
  })

  test('goes on in the frame behind the word', () => {
    const whole = written(0, [first])
    const frame = Uint8Array.of(...whole, 9, 9, 9)
    expect(() => inspectUpdate(frame.subarray(0, whole.length - 1), client, emptyShape)).toThrow('refused')
  })
})

test('the dearest update that the grammar accepts costs a few milliseconds', () => {
  const update = dearestUpdate(client, memberLimits.maxItemsPerWord)
  const started = process.cpuUsage()
  for (let round = 0; round < 10; round += 1) new OwnerDocument(client).apply(update)
  expect(process.cpuUsage(started).user / 10_000).toBeLessThan(50)
})
