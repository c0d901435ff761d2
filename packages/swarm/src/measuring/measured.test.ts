import { createVirtualClock, silentLogger } from '@shoal/host'
import { expect, test } from 'vitest'
import { coarseRate } from './link-rates.ts'
import { swarmLimits } from '../limits.ts'
import { keepMeasured, saying } from './measured.ts'

const hardware = {
  memoryBytes: 1,
  decodeMicrosPerBlock: 1000,
  prefillMicrosPerRowBlock: 100,
  bandwidthBytesPerSecond: 0,
  device: 'cpu',
  threads: 1,
}
const said = { hardware, rates: {} }
const none = new Map<string, number>()

test.each([
  [null, 1000],
  [1149, 1000],
  [1151, 1151],
  [851, 1000],
  [849, 849],
])('real steps of %s µs make a record say %s', (measured, expected) => {
  expect(saying(said, none, measured).hardware.decodeMicrosPerBlock).toBe(expected)
})

test('links: coarse, the best of them for those that nobody has measured, and no news where there is none', () => {
  const first = saying(
    said,
    new Map([
      ['a', 1_000_000],
      ['b', 9_000_000],
    ]),
    null,
  )
  expect(first.rates).toEqual({ a: coarseRate(1_000_000), b: coarseRate(9_000_000) })
  expect(first.hardware.bandwidthBytesPerSecond).toBe(coarseRate(9_000_000))
  expect(
    saying(
      first,
      new Map([
        ['a', 1_300_000],
        ['b', 7_000_000],
      ]),
      1000,
    ),
  ).toBe(first)
  expect(saying(said, none, 1001)).toBe(said)
})

test('a record is written only when it would say something else', async () => {
  const clock = createVirtualClock()
  const announced: object[] = []
  const rates = new Map<string, number>()
  const kept = keepMeasured(
    {
      clock,
      logger: silentLogger,
      membership: {
        announce: async (patch) => {
          announced.push(patch)
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
    clock.advance(swarmLimits.sayAgainMs)
    for (let i = 0; i < 20; i += 1) await Promise.resolve()
  }
  await turn()
  expect(announced).toEqual([])
  rates.set('a', 1_000_000)
  await turn()
  await turn()
  expect(announced).toHaveLength(1)
  // What is measured again and again is told after longer and longer pauses; another link at the next turn.
  const told: number[] = []
  for (let number = 1; number <= 40; number += 1) {
    const before = announced.length
    rates.set('a', 1_000_000 * (number % 2 === 0 ? 1 : 8))
    if (number === 33) rates.set('b', 1_000_000)
    await turn()
    if (announced.length > before) told.push(number)
  }
  expect(told[0]).toBeLessThanOrEqual(2)
  expect(told).toContain(33)
  expect(told.filter((number) => number < 33).length).toBeLessThanOrEqual(6)
  announced.splice(1)
  kept.close()
  rates.set('a', 100_000_000)
  await turn()
  expect(announced).toHaveLength(1)
})
