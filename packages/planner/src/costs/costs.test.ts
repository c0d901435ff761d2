import { expect, test } from 'vitest'
import { decodeMicros } from './compute.ts'
import { usableBytes } from './costs.ts'

test('a record that claims 2^53 bytes counts as 4 TiB, of which a plan may fill four fifths', () => {
  expect(usableBytes(Number.MAX_SAFE_INTEGER)).toBe(usableBytes(4 * 1024 ** 4))
  expect(usableBytes(1000)).toBe(800)
})

test('a record that claims 0 µs per block counts as one that needs 1 µs', () => {
  const hardware = {
    memoryBytes: 1,
    decodeMicrosPerBlock: 0,
    prefillMicrosPerRowBlock: 0,
    bandwidthBytesPerSecond: 0,
    device: 'cpu',
    threads: 1,
  }
  expect(decodeMicros(hardware, 0)).toBe(1)
  expect(decodeMicros(hardware, 4096)).toBe(1)
})
