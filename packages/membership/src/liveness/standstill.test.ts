import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { createStandstill } from './standstill.ts'

test('a gap between turns is returned once', () => {
  const clock = createVirtualClock()
  const standstill = createStandstill(clock, 1000)
  clock.advance(2000)
  expect(standstill.takeMs()).toBe(0)
  standstill.turn()
  clock.advance(60_000)
  expect(standstill.takeMs()).toBe(59_000)
  expect(standstill.takeMs()).toBe(0)
  // The turn that is due may come a little later, or after another standstill.
  clock.advance(900)
  expect(standstill.takeMs()).toBe(0)
  clock.advance(5000)
  expect(standstill.takeMs()).toBe(5900)
  standstill.turn()
  clock.advance(1000)
  expect(standstill.takeMs()).toBe(0)
})

test('missed turns are counted while they are due, and halved at each turn that comes', () => {
  const clock = createVirtualClock()
  const standstill = createStandstill(clock, 1000)
  clock.advance(999)
  expect(standstill.missedTurns()).toBe(0)
  clock.advance(1)
  standstill.turn()
  expect(standstill.missedTurns()).toBe(0)
  // A process that wakes reads its sockets before its turn comes.
  clock.advance(10_500)
  expect(standstill.missedTurns()).toBe(10)
  // Taking the standstill's length does not change the count.
  expect(standstill.takeMs()).toBe(9500)
  expect(standstill.missedTurns()).toBe(10)
  const counted = [9, 4, 2, 1, 0].map(() => {
    standstill.turn()
    const missed = standstill.missedTurns()
    clock.advance(1000)
    return missed
  })
  expect(counted).toEqual([9, 4, 2, 1, 0])
})
