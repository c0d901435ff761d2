import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createChecksum } from './checksum.ts'
import { keptAlong, movedRoute } from '../../route/replay-rules.ts'
import { chunkRows, nearlyDone } from './rules.ts'
import { createJournal, type JournalStep } from '../../route/journal.ts'
import { createSlots } from './transfer-slots.ts'
import type { Route } from '../../route/types.ts'

test.each([
  ['a row of 2 MB travels alone', 2_000_000, 1],
  ['sixteen blocks of a 1B model', 65_536, 16],
  ['tiny models stop at what a frame may have', 8, 512],
])('%s', (_, bytes, rows) => {
  expect(chunkRows(bytes)).toBe(rows)
})

test.each([
  ['nothing came meanwhile', 0, 300, true],
  ['a few rows came', 8, 300, true],
  ['the next pass is much shorter', 100, 300, false],
  ['sending is as slow as computing', 200, 300, true],
  ['a rewind took back more than was sent', 40, -10, false],
])('the route changes hands when %s', (_, left, passRows, done) => {
  expect(nearlyDone(left, passRows)).toBe(done)
})

const sent: readonly JournalStep[] = [
  { step: 0, position: 0, rows: 50, want: 'none' },
  { step: 1, position: 50, rows: 10, want: 'last' },
]

test.each<[string, readonly (readonly [number, number])[], readonly number[]]>([
  [
    'all have everything',
    [
      [60, 0],
      [60, 0],
    ],
    [60, 60],
  ],
  [
    'a new stage behind one with all its outputs',
    [
      [60, 0],
      [0, 0],
    ],
    [60, 0],
  ],
  [
    'a new stage behind one without outputs',
    [
      [60, 60],
      [0, 0],
    ],
    [0, 0],
  ],
  [
    'a survivor that lacks what can be sent again',
    [
      [60, 40],
      [50, 0],
    ],
    [60, 50],
  ],
  [
    'a survivor that lacks more',
    [
      [60, 55],
      [50, 0],
    ],
    [50, 50],
  ],
  [
    'two without outputs before a new one',
    [
      [60, 60],
      [60, 60],
      [0, 0],
    ],
    [0, 0, 0],
  ],
  [
    'only the one that has to',
    [
      [60, 0],
      [60, 60],
      [0, 0],
    ],
    [60, 0, 0],
  ],
])('rows kept along a route: %s', (_, stages, kept) => {
  expect(
    keptAlong(
      sent,
      stages.map(([length, journalFrom]) => ({
        length,
        journalFrom,
        lastStep: length === 0 ? null : length === 50 ? 0 : 1,
      })),
    ),
  ).toEqual(kept)
})

test('successors take the place of the stage that leaves', () => {
  const stage = (peer: string, start: number, end: number): Route[number] => ({
    peer,
    addresses: [],
    range: { start, end },
    incarnation: 1,
    predictedStepMs: () => 1,
  })
  const route = [stage('a', 0, 2), stage('b', 2, 4), stage('c', 4, 6)]
  expect(movedRoute(route, route[1]!, [stage('x', 2, 3), stage('y', 3, 4)]).map(({ peer }) => peer)).toEqual([
    'a',
    'x',
    'y',
    'c',
  ])
})

test('a checksum knows the bits and the order, and not how they are grouped', () => {
  const of = (...parts: readonly (readonly number[])[]): string => {
    const checksum = createChecksum()
    for (const part of parts) checksum.add(Float32Array.from(part))
    return checksum.value
  }
  expect(of([1, 2, 3])).toMatch(/^[0-9a-f]{16}$/)
  expect(of([1], [2, 3])).toBe(of([1, 2, 3]))
  expect(of([0])).not.toBe(of([-0]))
  const values = fc.array(fc.float({ noNaN: true }), { minLength: 2, maxLength: 20 })
  fc.assert(
    fc.property(values, fc.nat(), fc.nat(), (list, one, other) => {
      const swapped = [...list]
      const [i, j] = [one % list.length, other % list.length]
      swapped[i] = list[j]!
      swapped[j] = list[i]!
      const same = list.every((value, index) => Object.is(Math.fround(value), Math.fround(swapped[index]!)))
      expect(of(swapped) === of(list)).toBe(same)
      expect(of(list.slice(1))).not.toBe(of(list))
    }),
  )
})

test('turns are taken in order, and one that is given up goes to the next', async () => {
  const slots = createSlots(1)
  const never = new AbortController().signal
  const order: string[] = []
  const first = await slots.take(never)
  const impatient = new AbortController()
  const second = slots.take(impatient.signal).catch(() => order.push('gave up'))
  const third = slots.take(never).then((giveBack) => {
    order.push('third')
    return giveBack
  })
  impatient.abort()
  await second
  first()
  first()
  ;(await third)()
  const giveBack = await slots.take(never)
  expect(order).toEqual(['gave up', 'third'])
  giveBack()
})

test('a journal that was handed over begins where its rows do', () => {
  const rowsOf = (from: number, count: number): Float32Array =>
    Float32Array.from({ length: count * 2 }, (_, index) => from * 2 + index)
  const journal = createJournal(2, 500)
  const cuts: number[] = []
  const stop = journal.watch((length) => cuts.push(length))
  journal.startAt(100)
  journal.restore(rowsOf(100, 90))
  journal.restore(rowsOf(190, 40))
  expect(() => journal.adopt([{ step: 3, position: 0, rows: 230, want: 'none' }])).toThrow(RangeError)
  expect(() => journal.adopt([{ step: 3, position: 100, rows: 129, want: 'none' }])).toThrow(RangeError)
  expect(() => journal.startAt(0)).toThrow(RangeError)
  journal.adopt([
    { step: 3, position: 100, rows: 100, want: 'none' },
    { step: 5, position: 200, rows: 30, want: 'last' },
  ])
  expect([journal.from, journal.length, journal.find(5)?.rows]).toEqual([100, 230, 30])
  expect(journal.rows(150, 230)).toEqual(rowsOf(150, 80))
  expect(() => journal.views(99, 120)).toThrow(RangeError)
  journal.append(6, rowsOf(230, 3))
  journal.truncate(205)
  expect(journal.steps.map(({ rows }) => rows)).toEqual([100, 5])
  journal.truncate(40)
  expect([journal.from, journal.length, journal.bytes, journal.steps.length]).toEqual([40, 40, 0, 0])
  journal.append(7, rowsOf(40, 2))
  expect(journal.rows(40, 42)).toEqual(rowsOf(40, 2))
  stop()
  journal.truncate(41)
  expect(cuts).toEqual([205, 40])
})
