import { afterAll, expect, test } from 'vitest'
import { createPreciseClock } from './precise-clock.ts'

const clock = createPreciseClock()
afterAll(() => clock.close())

test('actions run in order of their due times, never early, and not when they were cancelled', async () => {
  const ran: string[] = []
  const startMs = clock.nowMs()
  const { promise, resolve } = Promise.withResolvers<number>()
  clock.after(9.5, () => resolve(clock.nowMs() - startMs))
  clock.after(3.25, () => ran.push('second'))
  const cancelled = clock.after(2, () => ran.push('cancelled'))
  clock.after(1.5, () => ran.push('first'))
  clock.after(1.5, () => ran.push('first, asked for later'))
  cancelled.cancel()
  expect(await promise).toBeGreaterThanOrEqual(9.5)
  expect(ran).toEqual(['first', 'first, asked for later', 'second'])
})

test('a timer that is set inside another runs, and so does one that is due already', async () => {
  const { promise, resolve } = Promise.withResolvers<readonly number[]>()
  clock.after(1, () => {
    const from = clock.nowMs()
    clock.after(0.5, () => {
      const inner = clock.nowMs() - from
      clock.after(-1, () => resolve([inner, clock.nowMs() - from]))
    })
  })
  const [inner, last] = await promise
  expect(inner).toBeGreaterThanOrEqual(0.5)
  expect(last).toBeGreaterThanOrEqual(inner!)
})

test('keeps fractions of a millisecond, unlike the event loop', async () => {
  const lateMs: number[] = []
  for (let turn = 0; turn < 60; turn += 1) {
    const dueMs = clock.nowMs() + 2.3
    await new Promise<void>((resolve) => clock.after(2.3, resolve))
    lateMs.push(clock.nowMs() - dueMs)
  }
  lateMs.sort((a, b) => a - b)
  // With whole milliseconds, 2.3 ms would come up to 0.3 early.
  expect(lateMs[0]).toBeGreaterThanOrEqual(0)
  // Others may hold the processor at any time: a quarter of the turns tells enough.
  expect(lateMs[15]).toBeLessThan(0.6)
})
