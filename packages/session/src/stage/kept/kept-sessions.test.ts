import { createMemoryBudget, createVirtualClock, type MemoryBudget, type VirtualClock } from '@shoal/host'
import { createFakeRunner } from '@shoal/runtime/testing'
import { array, assert, constantFrom, nat, property, record } from 'fast-check'
import { expect, test } from 'vitest'
import { sessionLimits } from '../../route/limits.ts'
import { KeptSessions, type KeptSession } from './kept-sessions.ts'

const keptMs = 1000
const runner = createFakeRunner({ start: 0, end: 2 }, 8)

interface Store {
  readonly kept: KeptSessions
  readonly memory: MemoryBudget
  readonly clock: VirtualClock
}

function store(limitBytes = 4000, journalBytes = 0): Store {
  const clock = createVirtualClock()
  const memory = createMemoryBudget(limitBytes)
  return {
    clock,
    memory,
    kept: new KeptSessions({ clock, memory, journalBytes: () => journalBytes, keptMs }),
  }
}

/** Rows of so many bytes. */
function rowsOf(session: string, bytes: number, account = 'a'): KeptSession {
  const rows = { length: 1, keyValues: [], outputs: new Float32Array(bytes / 4), receipts: null }
  return { session, start: 0, end: 2, peer: account, account, runner, rows }
}

const names = ({ kept }: Store, ...sessions: string[]): string[] =>
  sessions.filter((session) => kept.find(session, 0) !== undefined)

test('rows use a part of the budget, and the session used longest ago goes first', () => {
  const all = store()
  all.kept.add(rowsOf('one', 400))
  all.kept.add(rowsOf('two', 400))
  all.kept.find('one', 0)
  all.kept.add(rowsOf('three', 400))
  expect(names(all, 'one', 'two', 'three')).toEqual(['one', 'three'])
  all.kept.add(rowsOf('too large', 4000 * sessionLimits.keptShare + 4))
  expect(names(all, 'one', 'three', 'too large')).toEqual(['one', 'three'])
})

test('rows give way before a reservation returns', () => {
  const all = store()
  all.kept.add(rowsOf('one', 400))
  all.kept.add(rowsOf('two', 400))
  all.memory.reserve('key-values', 3500, 'a session')
  expect([names(all, 'one', 'two'), all.kept.bytes]).toEqual([['two'], 400])
  all.memory.reserve('weights', 500, 'a span')
  expect([names(all, 'two'), all.kept.bytes]).toEqual([[], 0])
})

test('journals of open sessions come first, too', () => {
  const all = store(4000, 3800)
  all.kept.add(rowsOf('one', 400))
  expect(all.kept.size).toBe(0)
  all.kept.add(rowsOf('two', 200))
  expect(all.kept.size).toBe(1)
})

test('whoever has most loses first', () => {
  const all = store()
  all.kept.add(rowsOf('member', 100, 'member'))
  for (let index = 0; index < 20; index += 1) all.kept.add(rowsOf(`flood ${index}`, 100, 'flood'))
  expect(names(all, 'member')).toEqual(['member'])
})

test('rows are kept for a while, and never without a budget', () => {
  const all = store()
  all.kept.add(rowsOf('one', 400))
  all.clock.advance(keptMs)
  expect(all.kept.size).toBe(0)
  const none = new KeptSessions({ clock: all.clock, memory: undefined, journalBytes: () => 0, keptMs })
  none.add(rowsOf('one', 4))
  expect(none.size).toBe(0)
})

test('no order of events lets kept rows and reservations exceed the budget', () => {
  const step = record({
    what: constantFrom('keep', 'reserve', 'free', 'forget'),
    session: nat(6),
    bytes: nat(150),
    account: constantFrom('a', 'b'),
  })
  assert(
    property(array(step, { maxLength: 60 }), (steps) => {
      const { kept, memory } = store(1000)
      const charges = []
      for (const { what, session, bytes, account } of steps) {
        if (what === 'keep') kept.add(rowsOf(`${session}`, bytes * 4, account))
        else if (what === 'forget') kept.forget(`${session}`, 0)
        else if (what === 'free') charges.shift()?.free()
        else if (bytes <= memory.freeBytes()) charges.push(memory.reserve('key-values', bytes, 'a session'))
        expect(kept.bytes + memory.usedBytes()).toBeLessThanOrEqual(1000)
        if (kept.size === 0) expect(kept.bytes).toBe(0)
      }
    }),
  )
})
