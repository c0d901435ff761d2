import { createVirtualClock, silentLogger } from '@shoal/host'
import { expect, test } from 'vitest'
import { coarseRate } from './link-rates.ts'
import { swarmLimits } from '../limits.ts'
import { announceMeasurements, nextSpeed } from './measured.ts'

const hardware = {
  memoryBytes: 1,
  decodeMicrosPerBlock: 1000,
  prefillMicrosPerRowBlock: 100,
  bandwidthBytesPerSecond: 0,
  device: 'cpu',
  threads: 1,
}
const announced = { hardware, rates: {} }
const none = new Map<string, number>()

test.each([
  [null, 1000],
  [1149, 1000],
  [1151, 1151],
  [851, 1000],
  [849, 849],
])('after real steps of %s µs a record announces %s µs', (measured, expected) => {
  expect(nextSpeed(announced, none, measured).hardware.decodeMicrosPerBlock).toBe(expected)
})

test('link rates are announced in coarse steps, with the best as the bandwidth, and only when a step changes', () => {
  const first = nextSpeed(
    announced,
    new Map([
      ['a', 1_000_000],
      ['b', 9_000_000],
    ]),
    null,
  )
  expect(first.rates).toEqual({ a: coarseRate(1_000_000), b: coarseRate(9_000_000) })
  expect(first.hardware.bandwidthBytesPerSecond).toBe(coarseRate(9_000_000))
  expect(
    nextSpeed(
      first,
      new Map([
        ['a', 1_300_000],
        ['b', 7_000_000],
      ]),
      1000,
    ),
  ).toBe(first)
  expect(nextSpeed(announced, none, 1001)).toBe(announced)
})

test('a record is announced only when a value has changed', async () => {
  const clock = createVirtualClock()
  const announcements: object[] = []
  const rates = new Map<string, number>()
  const kept = announceMeasurements(
    {
      clock,
      logger: silentLogger,
      membership: {
        announce: async (patch) => {
          announcements.push(patch)
        },
      },
      rates: {
        rates: () => rates,
        began: () => undefined,
        ended: () => undefined,
        sample: () => undefined,
        samples: () => 0,
        forget: () => undefined,
      },
      steps: { decodeMicrosPerBlock: () => null },
    },
    hardware,
  )
  const turn = async (): Promise<void> => {
    clock.advance(swarmLimits.announceIntervalMs)
    for (let i = 0; i < 20; i += 1) await Promise.resolve()
  }
  await turn()
  expect(announcements).toEqual([])
  rates.set('a', 1_000_000)
  await turn()
  await turn()
  expect(announcements).toHaveLength(1)
  // A rate that keeps changing is announced after growing pauses; a new link at the next turn.
  const told: number[] = []
  for (let number = 1; number <= 40; number += 1) {
    const before = announcements.length
    rates.set('a', 1_000_000 * (number % 2 === 0 ? 1 : 8))
    if (number === 33) rates.set('b', 1_000_000)
    await turn()
    if (announcements.length > before) told.push(number)
  }
  expect(told[0]).toBeLessThanOrEqual(2)
  expect(told).toContain(33)
  expect(told.filter((number) => number < 33).length).toBeLessThanOrEqual(6)
  announcements.splice(1)
  kept.close()
  rates.set('a', 100_000_000)
  await turn()
  expect(announcements).toHaveLength(1)
})
