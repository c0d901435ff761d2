import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { createStandstill } from './standstill.ts'

test('a gap between turns is told once, whoever asks first', () => {
  const clock = createVirtualClock()
  const standstill = createStandstill(clock, 1000)
  clock.advance(2000)
  expect(standstill.takeMs()).toBe(0)
  standstill.turn()
  clock.advance(60_000)
  expect(standstill.takeMs()).toBe(59_000)
  expect(standstill.takeMs()).toBe(0)
  // The turn that was due all the time comes a little later, or not for long again.
  clock.advance(900)
  expect(standstill.takeMs()).toBe(0)
  clock.advance(5000)
  expect(standstill.takeMs()).toBe(5900)
  standstill.turn()
  clock.advance(1000)
  expect(standstill.takeMs()).toBe(0)
})
