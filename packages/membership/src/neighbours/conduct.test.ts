import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { createConduct } from './conduct.ts'
import { memberLimits } from '../limits.ts'

const { maxMisbehaviour, forgivePointMs, banMs } = memberLimits

test('a series of faults shuts a peer out for a while, and so does the next series', () => {
  const clock = createVirtualClock()
  const conduct = createConduct(clock)
  for (let series = 0; series < 2; series += 1) {
    for (let fault = 1; fault <= maxMisbehaviour; fault += 1) {
      expect(conduct.isShutOut('mallory')).toBe(false)
      expect(conduct.blame('mallory')).toEqual({ points: fault, shutOut: fault === maxMisbehaviour })
    }
    expect(conduct.isShutOut('mallory')).toBe(true)
    expect(conduct.isShutOut('alice')).toBe(false)
    clock.advance(banMs - 1)
    expect(conduct.isShutOut('mallory')).toBe(true)
    clock.advance(1)
  }
  expect(conduct.isShutOut('mallory')).toBe(false)
})

test('a fault now and then shuts no peer out', () => {
  const clock = createVirtualClock()
  const conduct = createConduct(clock)
  for (let fault = 0; fault < 100; fault += 1) {
    expect(conduct.blame('alice')).toEqual({ points: 1, shutOut: false })
    clock.advance(forgivePointMs)
  }
})

test('faults that come faster than they are forgiven add up', () => {
  const clock = createVirtualClock()
  const conduct = createConduct(clock)
  let faults = 1
  while (!conduct.blame('mallory').shutOut) {
    faults += 1
    clock.advance(forgivePointMs / 2)
  }
  // Every second fault was forgiven.
  expect(faults).toBeGreaterThan(maxMisbehaviour)
  expect(faults).toBeLessThan(3 * maxMisbehaviour)
})
