import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createVirtualClock } from './virtual-clock.ts'

test('actions run in order of their due time, then of their creation; cancelled ones do not', () => {
  const timer = fc.record({ delayMs: fc.integer({ min: 0, max: 20 }), cancelled: fc.boolean() })
  fc.assert(
    fc.property(
      fc.array(timer, { maxLength: 60 }),
      fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 6 }),
      (timers, advances) => {
        const clock = createVirtualClock(100)
        const ran: string[] = []
        const created = timers.map(({ delayMs }, index) =>
          clock.after(delayMs, () => ran.push(`${clock.nowMs()} ${index}`)),
        )
        for (const [index, { cancelled }] of timers.entries()) if (cancelled) created[index]!.cancel()
        const wanted = timers
          .flatMap(({ delayMs, cancelled }, index) => (cancelled ? [] : [{ dueMs: 100 + delayMs, index }]))
          .sort((a, b) => a.dueMs - b.dueMs || a.index - b.index)
        expect(clock.pending()).toBe(wanted.length)
        expect(clock.dueMs()).toBe(wanted[0]?.dueMs ?? null)
        for (const durationMs of advances) clock.advance(durationMs)
        const reachedMs = 100 + advances.reduce((sum, durationMs) => sum + durationMs, 0)
        expect(clock.nowMs()).toBe(reachedMs)
        expect(ran).toHaveLength(wanted.filter(({ dueMs }) => dueMs <= reachedMs).length)
        while (clock.step()) expect(clock.pending()).toBe(wanted.length - ran.length)
        expect(ran.map((entry) => Number(entry.split(' ')[1]))).toEqual(wanted.map(({ index }) => index))
      },
    ),
  )
})

test('what an action starts runs in its turn, and cancelling twice or too late does nothing', () => {
  const clock = createVirtualClock()
  const ran: string[] = []
  const first = clock.after(1, () => {
    ran.push('first')
    clock.after(0, () => ran.push('started'))
    clock.after(5, () => ran.push('late'))
  })
  clock.after(1, () => ran.push('second'))
  clock.advance(1)
  first.cancel()
  first.cancel()
  expect(ran).toEqual(['first', 'second', 'started'])
  expect(clock.pending()).toBe(1)
  clock.advance(5)
  expect(ran.at(-1)).toBe('late')
})
