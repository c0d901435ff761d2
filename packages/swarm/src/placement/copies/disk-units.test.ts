import { unitNames } from '@shoal/model'
import { beforeEach, expect, test } from 'vitest'
import { swarmLimits } from '../../limits.ts'
import { smallConfig, smallManifest } from '../../testing/small-model.ts'
import { createDiskUnits, spareBytes } from './disk-units.ts'

const manifest = smallManifest()
const names = unitNames(smallConfig)
let here: Set<string>
let corrupt: Set<string>
const openUnits = (): ReturnType<typeof createDiskUnits> =>
  createDiskUnits(manifest, {
    hasUnit: (unit) => here.has(unit),
    async checkUnit(unit) {
      if (corrupt.has(unit)) here.delete(unit)
      return !corrupt.has(unit)
    },
  })

beforeEach(() => {
  here = new Set()
  corrupt = new Set()
})

test('units of an earlier process are announced when their hashes have been compared, corrupt ones never', async () => {
  here = new Set(['block-0', 'block-1', 'block-2'])
  corrupt = new Set(['block-1'])
  const units = openUnits()
  expect(units.record(2 ** 40, 2 ** 40, null).units).toEqual([])
  const found: [string, boolean][] = []
  for (let unit = units.unchecked(); unit !== undefined; unit = units.unchecked())
    found.push([unit, await units.check(unit, new AbortController().signal)])
  expect(found).toEqual([
    ['block-0', true],
    ['block-1', false],
    ['block-2', true],
  ])
  expect(units.record(2 ** 40, 2 ** 40, null).units).toEqual([
    { start: 1, end: 2 },
    { start: 3, end: 4 },
  ])
})

test('the limit counts what is on the disk and not served', () => {
  const units = openUnits()
  const limit = 3 * units.bytes[1]!
  here = new Set(names.slice(1, 5))
  const room = (served: { start: number; end: number } | null): number =>
    units.record(2 ** 40, limit, served).spareBytes
  expect(room(null)).toBe(0)
  expect(room({ start: 0, end: 2 })).toBe(spareBytes(2 ** 40, units.bytes[1]))
  expect(room({ start: 0, end: 4 })).toBe(spareBytes(2 ** 40, limit))
})

test('half of the free disk beyond a reserve is offered, in steps that change seldom', () => {
  expect(spareBytes(swarmLimits.diskReserveBytes)).toBe(0)
  expect(spareBytes(swarmLimits.diskReserveBytes + 3 * 2 ** 30)).toBe(2 ** 30)
  expect(spareBytes(swarmLimits.diskReserveBytes + 2 ** 32)).toBe(2 ** 31)
  expect(spareBytes(2 ** 40, 0)).toBe(0)
  expect(spareBytes(2 ** 40, 1000)).toBe(512)
})
