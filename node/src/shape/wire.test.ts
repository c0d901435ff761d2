import * as fc from 'fast-check'
import { seededRandom } from '@shoal/host'
import { expect, test } from 'vitest'
import { createWire, lossDelayMs } from './wire.ts'

test.each([
  ['an empty wire', 8, [[1000, 0]], [1]],
  [
    'one that is busy',
    8,
    [
      [1000, 0],
      [1000, 0.25],
    ],
    [1, 2],
  ],
  [
    'one that has rested',
    8,
    [
      [1000, 0],
      [1000, 5],
    ],
    [1, 6],
  ],
  ['a fast one', 1000, [[125_000, 3]], [4]],
  [
    'no limit',
    null,
    [
      [1_000_000, 3],
      [1, 3],
    ],
    [3, 3],
  ],
] as const)('%s', (_name, mbps, sends, ends) => {
  const wire = createWire(mbps)
  expect(sends.map(([bytes, nowMs]) => wire.take(bytes, nowMs))).toEqual(ends)
})

test('a wire never carries more than its rate, whatever is sent', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 65_536 }), fc.double({ min: 0, max: 50, noNaN: true })), {
        minLength: 1,
        maxLength: 40,
      }),
      (sends) => {
        const wire = createWire(80)
        let nowMs = 0
        let bytes = 0
        let lastMs = 0
        for (const [size, waitMs] of sends) {
          nowMs += waitMs
          const endMs = wire.take(size, nowMs)
          expect(endMs).toBeGreaterThanOrEqual(Math.max(nowMs, lastMs))
          lastMs = endMs
          bytes += size
        }
        // 80 Mbit/s are 10,000 bytes in a millisecond.
        expect(lastMs).toBeGreaterThanOrEqual(bytes / 10_000 - 1e-6)
      },
    ),
  )
})

test('packets are lost at the given rate, and each loss costs two round trips', () => {
  const random = seededRandom(1)
  const unit = (): number => random.unit()
  expect(lossDelayMs(1_000_000, 20, 0, unit)).toBe(0)
  const delays = Array.from({ length: 20_000 }, () => lossDelayMs(1000, 20, 5, unit))
  const lost = delays.filter((delay) => delay > 0)
  expect(lost.length / delays.length).toBeCloseTo(0.05, 2)
  expect(Math.min(...lost)).toBe(40)
  // Of 30 packets in a piece one is lost in 1 − 0.95^30 of all pieces.
  const pieces = Array.from({ length: 5000 }, () => lossDelayMs(30 * 1448, 20, 5, unit))
  expect(pieces.filter((delay) => delay > 0).length / pieces.length).toBeCloseTo(1 - 0.95 ** 30, 1)
  expect(Math.max(...Array.from({ length: 2000 }, () => lossDelayMs(1000, 1, 50, unit)))).toBeGreaterThan(20)
})
