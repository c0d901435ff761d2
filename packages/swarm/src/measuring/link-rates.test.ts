import * as fc from 'fast-check'
import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { coarseRate, createLinkRates, steadyRates } from './link-rates.ts'

const mebibyte = 2 ** 20

test('a transfer of several pieces is timed while a piece is awaited, and not between pieces', () => {
  const clock = createVirtualClock()
  const meter = createLinkRates(clock)
  meter.began('a')
  meter.began('a')
  clock.advance(100)
  meter.ended('a', mebibyte)
  clock.advance(100)
  meter.ended('a', mebibyte)
  clock.advance(60_000)
  meter.began('a')
  clock.advance(100)
  meter.ended('a', mebibyte)
  expect([...meter.rates()]).toEqual([['a', mebibyte * 10]])
})

test('the rate is the best of the last eight samples: a busy sender does not lower it, but a slower link does', () => {
  const meter = createLinkRates(createVirtualClock())
  for (const ms of [200, 100, 400]) meter.sample('a', mebibyte, ms)
  expect(meter.rates().get('a')).toBe(mebibyte * 10)
  expect([meter.samples('a'), meter.samples('b')]).toEqual([3, 0])
  for (let turn = 0; turn < 8; turn += 1) meter.sample('a', mebibyte, 500)
  expect(meter.rates().get('a')).toBe(mebibyte * 2)
})

test('short, failed and unrequested transfers do not count', () => {
  const clock = createVirtualClock()
  const meter = createLinkRates(clock)
  meter.ended('nobody', mebibyte)
  meter.began('quick')
  clock.advance(49)
  meter.ended('quick', mebibyte)
  meter.began('small')
  clock.advance(500)
  meter.ended('small', 1000)
  meter.began('failed')
  clock.advance(5000)
  meter.ended('failed', 0)
  meter.sample('none', 0, 10)
  expect(meter.rates().size).toBe(0)
})

test('accounts are kept for as many peers as a record lists links', () => {
  const meter = createLinkRates(createVirtualClock())
  for (let peer = 0; peer < 100; peer += 1) meter.sample(`${peer}`, mebibyte, 100)
  expect(meter.rates().size).toBe(64)
  expect(meter.rates().has('99')).toBe(true)
  meter.forget('99')
  expect(meter.rates().has('99')).toBe(false)
})

test('rates are rounded to half octaves, at most a fifth off', () => {
  expect([coarseRate(6_250_000), coarseRate(1), coarseRate(125_000_000)]).toEqual([5_931_642, 1, 134_217_728])
  fc.assert(
    fc.property(fc.double({ min: 1000, max: 1e10, noNaN: true }), (rate) => {
      expect(Math.abs(coarseRate(rate) / rate - 1)).toBeLessThan(0.19)
      expect(coarseRate(coarseRate(rate))).toBe(coarseRate(rate))
    }),
  )
})

test('an announced rate stays while the measured one is close', () => {
  const announced = { a: coarseRate(6_000_000), b: coarseRate(1_000_000) }
  expect(
    steadyRates(
      new Map([
        ['a', 8_500_000],
        ['b', 4_000_000],
      ]),
      announced,
      32,
    ),
  ).toEqual({ a: announced.a, b: coarseRate(4_000_000) })
  // All rates from 1 Gbit/s up are announced as one value.
  expect(
    new Set(
      Object.values(
        steadyRates(
          new Map([
            ['a', 1.3e8],
            ['b', 2e8],
            ['c', 5e9],
          ]),
          {},
          32,
        ),
      ),
    ).size,
  ).toBe(1)
  expect(
    Object.keys(steadyRates(new Map(Array.from({ length: 40 }, (_, i) => [`${i}`, 1e6])), {}, 32)),
  ).toHaveLength(32)
})
