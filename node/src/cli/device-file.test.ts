import { expect, test } from 'vitest'
import { snapshotOfDevices } from './device-file.ts'

const desktop = { name: 'desktop', memory: '8GiB', decodeMsPerBlock: 1.2, bandwidth: '12MB' }
const laptop = { name: 'laptop', memory: '4GiB', decodeMsPerBlock: 3, prefillMsPerRowBlock: 0.25 }

test('devices become a snapshot in which no peer holds a block', () => {
  const { members } = snapshotOfDevices(
    JSON.stringify({ devices: [laptop, desktop], links: [{ between: ['laptop', 'desktop'], rttMs: 3 }] }),
  )
  expect(members.map(({ peerId, span }) => [peerId, span])).toEqual([
    ['desktop', null],
    ['laptop', null],
  ])
  expect(members[0]?.hardware).toMatchObject({
    memoryBytes: 8 * 2 ** 30,
    decodeMicrosPerBlock: 1200,
    prefillMicrosPerRowBlock: 200,
    bandwidthBytesPerSecond: 12e6,
  })
  expect(members[1]?.hardware).toMatchObject({ prefillMicrosPerRowBlock: 250, bandwidthBytesPerSecond: 0 })
  expect(members.map(({ links }) => links)).toEqual([{ laptop: 3000 }, { desktop: 3000 }])
})

test('links that the file does not name have the default round trip', () => {
  const { members } = snapshotOfDevices(JSON.stringify({ devices: [laptop, desktop], rttMs: 20 }))
  expect(members[0]?.links).toEqual({ laptop: 20_000 })
})

test.each([
  ['{', /not JSON/],
  ['{}', /^the device file: devices is missing$/],
  [JSON.stringify({ devices: [] }), /devices should have at least 1 entry/],
  [
    JSON.stringify({ devices: [{ ...laptop, memory: 'much' }] }),
    /devices\[0\]\.memory is wrong: 'much' is not a size/,
  ],
  [
    JSON.stringify({ devices: [{ ...laptop, decodeMsPerBlock: 0 }] }),
    /devices\[0\]\.decodeMsPerBlock should be more than 0/,
  ],
  [JSON.stringify({ devices: [{ ...laptop, ram: 1 }] }), /devices\[0\] has 'ram', which is no field of it/],
  [JSON.stringify({ devices: [{ ...laptop, name: 7 }] }), /devices\[0\]\.name should be text/],
  [JSON.stringify({ devices: [{ ...laptop, memory: null }] }), /memory should be text or a number/],
  ['[]', /the file should be an object/],
  [JSON.stringify({ devices: [laptop, laptop] }), /two devices are called 'laptop'/],
  [
    JSON.stringify({ devices: [laptop], links: [{ between: ['laptop', 'phone'], rttMs: 1 }] }),
    /'phone', which is not a device in the file/,
  ],
])('device file %s is refused', (text, sentence) => expect(() => snapshotOfDevices(text)).toThrow(sentence))
