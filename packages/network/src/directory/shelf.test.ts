import * as fc from 'fast-check'
import { createVirtualClock, type VirtualClock } from '@shoal/host'
import { beforeEach, describe, expect, test } from 'vitest'
import type { RecordOrder } from './directory.ts'
import { limits } from '../limits.ts'
import { createShelf, type Shelf } from './shelf.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const at = (incarnation: number, seq: number): RecordOrder => ({ incarnation, seq })

let clock: VirtualClock
let shelf: Shelf
beforeEach(() => {
  clock = createVirtualClock()
  shelf = createShelf(clock)
})

describe('records', () => {
  test.each<[string, RecordOrder, string, string]>([
    ['the same word', at(2, 5), 'a', 'known'],
    ['another word of the same number', at(2, 5), 'b', 'stale'],
    ['an earlier word', at(2, 4), 'b', 'stale'],
    ['a later word', at(2, 6), 'b', 'newer'],
    ['an earlier life, however much it said', at(1, 900), 'b', 'stale'],
    ['a later life', at(3, 0), 'b', 'newer'],
  ])('%s', (_name, order, text, admission) => {
    shelf.admit('alice', at(2, 5), bytes('a'))
    expect(shelf.admit('alice', order, bytes(text))).toBe(admission)
    expect(shelf.record('alice')).toEqual(bytes(admission === 'newer' ? text : 'a'))
    expect(shelf.record('bob')).toBeNull()
  })

  test('a word that ended cannot be said again, the next one can', () => {
    shelf.admit('alice', at(1, 1), bytes('a'))
    clock.advance(limits.directoryLifeMs - 1)
    expect(shelf.admit('alice', at(1, 1), bytes('a'))).toBe('known')
    clock.advance(1)
    expect(shelf.record('alice')).toBeNull()
    expect(shelf.admit('alice', at(1, 1), bytes('a'))).toBe('stale')
    expect(shelf.admit('alice', at(1, 2), bytes('b'))).toBe('newer')
    expect(shelf.record('alice')).toEqual(bytes('b'))
  })

  test("what is held does not change with the caller's bytes", () => {
    const record = bytes('a')
    shelf.admit('alice', at(1, 1), record)
    record[0] = 0
    expect(shelf.record('alice')).toEqual(bytes('a'))
  })

  test('whatever comes in whatever order, an owner never goes back', () => {
    const word = fc.record({ incarnation: fc.nat(3), seq: fc.nat(3), waitMs: fc.nat(limits.directoryLifeMs) })
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        const own = createVirtualClock()
        const held = createShelf(own)
        let best = -1
        for (const { incarnation, seq, waitMs } of words) {
          const rank = incarnation * 10 + seq
          const admission = held.admit('alice', at(incarnation, seq), bytes(`${rank}`))
          expect(admission === 'newer').toBe(rank > best)
          best = Math.max(best, rank)
          const record = held.record('alice')
          if (record !== null) expect(record).toEqual(bytes(`${best}`))
          own.advance(waitMs)
        }
      }),
    )
  })

  test('a flood of owners fills their places and no more; the newest stay', () => {
    for (let index = 0; index < limits.directoryRecords + 100; index += 1)
      shelf.admit(`peer-${index}`, at(1, 1), bytes('x'))
    expect(shelf.counts().records).toBe(limits.directoryRecords)
    expect(shelf.record('peer-0')).toBeNull()
    expect(shelf.record(`peer-${limits.directoryRecords + 99}`)).not.toBeNull()
  })
})

describe('entries', () => {
  test('end, unless they are refreshed', () => {
    shelf.addProvider('topic', 'alice')
    shelf.addProvider('topic', 'bob')
    clock.advance(limits.directoryLifeMs - 1)
    shelf.addProvider('topic', 'alice')
    clock.advance(1)
    expect(shelf.providers('topic')).toEqual(['alice'])
    expect(shelf.counts().entries).toBe(1)
    shelf.removeProvider('topic', 'alice')
    expect(shelf.providers('topic')).toEqual([])
  })

  test('a topic holds those heard of last', () => {
    for (let index = 0; index < limits.providersPerTopic + 3; index += 1)
      shelf.addProvider('topic', `peer-${index}`)
    expect(shelf.providers('topic')).toHaveLength(limits.providersPerTopic)
    expect(shelf.providers('topic')).not.toContain('peer-2')
    expect(shelf.providers('topic')).toContain('peer-3')
  })

  test('one peer fills few topics, and has its room back when they end', () => {
    const topics = Array.from({ length: limits.topicsPerProvider }, (_, index) => `topic-${index}`)
    for (const topic of topics) expect(shelf.addProvider(topic, 'mallory')).toBe(true)
    expect(shelf.addProvider('another', 'mallory')).toBe(false)
    expect(shelf.addProvider('topic-0', 'mallory')).toBe(true)
    expect(shelf.addProvider('another', 'alice')).toBe(true)
    clock.advance(limits.directoryLifeMs)
    expect(shelf.addProvider('another', 'mallory')).toBe(true)
  })

  test('a flood of topics fills their places and no more', () => {
    for (let index = 0; index < limits.directoryTopics + 50; index += 1)
      shelf.addProvider(`topic-${index}`, `peer-${index}`)
    expect(shelf.counts().entries).toBe(limits.directoryTopics)
    expect(shelf.providers('topic-0')).toEqual([])
  })
})
