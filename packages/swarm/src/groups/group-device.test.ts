import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import { createMemoryNetwork } from '@shoal/network'
import type { Device } from '@shoal/runtime'
import { expect, test } from 'vitest'
import { createGroupDevice, groupMemoryBytes, type GroupOptions } from './group-device.ts'
import { smallConfig, smallManifest } from '../testing/small-model.ts'

const address = '/memory/other/p2p/other'

const refusals: readonly (readonly [string, GroupOptions, RegExp])[] = [
  ['an address that names no peer', { ranks: ['/ip4/127.0.0.1/tcp/4001'] }, /does not say which peer it is/],
  [
    'a spare that names no peer',
    { ranks: [address], spares: ['/ip4/127.0.0.1/tcp/4001'] },
    /does not say which peer it is/,
  ],
  ['speeds of another number of ranks', { ranks: [address], speeds: [1, 1, 1] }, /2 ranks have 3 speeds/],
  [
    'more ranks than heads',
    { ranks: [address] },
    new RegExp(`${smallConfig.headCount} heads over 1 key/value heads cannot be split over 2 ranks`),
  ],
]

test('a leader announces the memory of all ranks, in proportion to their speeds', () => {
  expect(groupMemoryBytes(1000, { ranks: [address] })).toBe(2000)
  expect(groupMemoryBytes(1000, { ranks: [address, address], speeds: [2, 1, 1] })).toBe(2000)
  expect(groupMemoryBytes(1000, { ranks: [address], speeds: [1, 3] })).toBe(4000)
})

/** Options are refused before anything is loaded. */
const own = new Proxy({} as Device, {
  get() {
    throw new Error('the device is not used')
  },
})

test.each(refusals)('refuses a group with %s', (_, options, reason) => {
  const clock = createVirtualClock()
  const manifest = smallManifest()
  const transport = createMemoryNetwork({ clock, random: seededRandom(1) }).createTransport('leader')
  expect(() =>
    createGroupDevice(
      { transport, clock, random: seededRandom(2), logger: silentLogger, manifest },
      own,
      options,
    ),
  ).toThrow(reason)
})
