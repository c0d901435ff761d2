import { createVirtualClock, ShoalError, sleep, type Logger } from '@shoal/host'
import type { Announcement, Member } from '@shoal/membership'
import { ModelError, unitNames } from '@shoal/model'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { swarmLimits } from '../../limits.ts'
import { smallConfig, smallManifest } from '../../testing/small-model.ts'
import { settle } from '../../testing/virtual-time.ts'
import { createDiskCopies, type DiskCopies } from './disk-copies.ts'

const manifest = smallManifest()
const units = unitNames(smallConfig)
const turnsToSettle = 1 + swarmLimits.copiesSettleMs / swarmLimits.copiesTurnMs
let clock: ReturnType<typeof createVirtualClock>
let here: Set<string>
let ownerHas: { start: number; end: number }
let announced: Announcement[]
let fetched: string[]
let said: string[]
let freeBytes: number
let copyUnit: (unit: string) => Promise<void>
let copies: DiskCopies

/** `owner` has what it announces, this node what it announced last. */
function members(): Member[] {
  const member = (peerId: string, disk: Announcement['disk']): Member =>
    ({ record: { peerId, state: 'joining', span: null, disk }, liveness: 'alive' }) as unknown as Member
  return [member('owner', { units: [ownerHas], spareBytes: 0 }), member('self', announced.at(-1)?.disk)]
}

const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (event, fields) => void said.push(`${event} ${JSON.stringify(fields)}`),
  error: () => undefined,
  child: () => logger,
}

beforeEach(() => {
  clock = createVirtualClock()
  here = new Set()
  ownerHas = { start: 0, end: units.length }
  announced = []
  fetched = []
  said = []
  freeBytes = 2 ** 40
  copyUnit = async () => undefined
})
afterEach(() => {
  copies.close()
  expect(clock.pending()).toBe(0)
})

function start(sessions = 0): void {
  copies = createDiskCopies({
    clock,
    logger,
    manifest,
    store: {
      hasUnit: (unit) => here.has(unit),
      checkUnit: async () => true,
      async copyUnit(unit) {
        await copyUnit(unit)
        here.add(unit)
        fetched.push(unit)
      },
    },
    membership: { members, announce: async (patch) => void announced.push(patch) },
    selfId: 'self',
    limitBytes: Number.POSITIVE_INFINITY,
    freeBytes: () => freeBytes,
    sessions: () => sessions,
  })
}
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    clock.advance(swarmLimits.copiesTurnMs)
    await settle()
  }
}

test('what only one other peer has is fetched once it has been so for a while, and announced', async () => {
  start()
  await turns(turnsToSettle - 1)
  expect(announced.map(({ disk }) => disk?.units)).toEqual([[]])
  expect(fetched).toEqual([])
  await turns(1)
  expect(fetched).toEqual(units)
  expect(announced.map(({ disk }) => disk?.units)).toEqual([[], [{ start: 0, end: units.length }]])
  await turns(2)
  expect(announced).toHaveLength(2)
})

test('while sessions are served, one unit a turn is fetched', async () => {
  start(1)
  await turns(turnsToSettle)
  expect(fetched).toEqual(units.slice(0, 1))
  await turns(1)
  expect(fetched).toEqual(units.slice(0, 2))
})

test('while sessions are served, fetching takes its share of the time only', async () => {
  copyUnit = () => sleep(clock, 1000)
  const seconds = async (count: number): Promise<void> => {
    for (let second = 0; second < count; second += 1) {
      clock.advance(1000)
      await settle()
    }
  }
  start(1)
  const firstMs = turnsToSettle * swarmLimits.copiesTurnMs + 1000
  await seconds(firstMs / 1000)
  expect(fetched).toEqual(units.slice(0, 1))
  const restMs = 1000 * (1 / swarmLimits.copiesBusyShare - 1)
  await seconds(restMs / 1000)
  expect(fetched).toEqual(units.slice(0, 1))
  await seconds(swarmLimits.copiesTurnMs / 1000 + 1)
  expect(fetched).toEqual(units.slice(0, 2))
})

test('while sessions are served, even a slow link brings the next unit after the longest rest', async () => {
  copyUnit = () => sleep(clock, 60_000)
  start(1)
  await turns(turnsToSettle + 60_000 / swarmLimits.copiesTurnMs)
  expect(fetched).toEqual(units.slice(0, 1))
  await turns((swarmLimits.copiesRestMaxMs + 60_000) / swarmLimits.copiesTurnMs + 2)
  expect(fetched).toEqual(units.slice(0, 2))
})

test('a copy that was interrupted is fetched at the next turn, and nobody is warned', async () => {
  copyUnit = () => Promise.reject(new ShoalError('cancelled', 'weights that are to be served come first'))
  start()
  await turns(turnsToSettle)
  expect(fetched).toEqual([])
  copyUnit = async () => undefined
  await turns(1)
  expect(fetched).toEqual(units)
  expect(said).toEqual([])
})

test('a unit that nobody gives does not keep the others from being fetched, and is logged once', async () => {
  copyUnit = async (unit) => {
    if (unit === 'embed') throw new ShoalError('not-found', 'no peer could give unit embed')
  }
  start()
  await turns(turnsToSettle + 1)
  expect(fetched).toEqual(units.slice(1))
  await turns(2 * turnsToSettle)
  expect(said).toEqual(['weights-not-copied {"reason":"no peer could give unit embed"}'])
  copyUnit = async () => undefined
  await turns(turnsToSettle)
  expect(fetched).toEqual([...units.slice(1), 'embed'])
})

test('when a copy does not fit, no room is offered until the disk has more, and it is logged once', async () => {
  copyUnit = () => Promise.reject(new ModelError('disk-full', 'no room'))
  start()
  await turns(turnsToSettle)
  await turns(1)
  expect(announced.at(-1)?.disk?.spareBytes).toBe(0)
  let tries = 0
  copyUnit = async () => void (tries += 1)
  await turns(2 * turnsToSettle)
  expect(tries).toBe(0)
  expect(said).toEqual(['weights-not-copied {"reason":"no room"}'])
  freeBytes += 2 ** 30
  await turns(turnsToSettle + 1)
  expect(fetched).toEqual(units)
})

test('copies that are no longer wanted stay on the disk', async () => {
  start()
  await turns(turnsToSettle)
  ownerHas = { start: 0, end: 1 }
  await turns(turnsToSettle)
  expect(new Set(units.filter((unit) => here.has(unit)))).toEqual(new Set(units))
  expect(announced.at(-1)?.disk?.units).toEqual([{ start: 0, end: units.length }])
})
