import { expect, test } from 'vitest'
import { createRateMeter, formatSeconds } from './rate-meter.ts'

test('rate and time left follow the last seconds', () => {
  const meter = createRateMeter()
  expect(meter.sample(0, 500, 10_000)).toEqual({ bytesPerSecond: null, secondsLeft: null })
  expect(meter.sample(1000, 600, 10_000)).toEqual({ bytesPerSecond: 100, secondsLeft: 94 })
  for (let second = 2; second <= 20; second += 1)
    meter.sample(second * 1000, 600 + (second - 1) * 400, 10_000)
  expect(meter.sample(21_000, 8600, 10_000)).toEqual({ bytesPerSecond: 400, secondsLeft: 4 })
  expect(meter.sample(21_500, 10_000, 10_000).secondsLeft).toBe(0)
})

test('discarded bytes start a new measurement, and without progress there is no estimate', () => {
  const meter = createRateMeter()
  meter.sample(0, 0, 100)
  meter.sample(1000, 80, 100)
  expect(meter.sample(2000, 10, 100)).toEqual({ bytesPerSecond: null, secondsLeft: null })
  expect(meter.sample(9000, 10, 100)).toEqual({ bytesPerSecond: null, secondsLeft: null })
})

test.each([
  [0.2, '1 s'],
  [59, '59 s'],
  [187, '3:07'],
  [7500, '2:05:00'],
])('%d seconds are written %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text)
})
