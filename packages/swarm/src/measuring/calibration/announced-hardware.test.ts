import type { MemberHardware } from '@shoal/membership'
import { expect, test } from 'vitest'
import { createSaidHardware } from './announced-hardware.ts'

const own: MemberHardware = {
  memoryBytes: 1000,
  decodeMicrosPerBlock: 8000,
  prefillMicrosPerRowBlock: 800,
  bandwidthBytesPerSecond: 0,
  device: 'cpu',
  threads: 1,
}
const group = { ranks: ['b'], speeds: [16, 16] }
const together = { ...own, decodeMicrosPerBlock: 5000 }

test('a leader says what its group does, and what it does alone beside it; afterwards only that', () => {
  const said = createSaidHardware(() => together)
  expect(said.measured(own)).toEqual({ hardware: own, group: null })
  expect(said.serving({ start: 0, end: 6 })).toEqual({ hardware: own, group: null })
  expect(said.serving({ start: 0, end: 6, group })).toEqual({
    hardware: together,
    group: { ...group, alone: own },
  })
  const slower = { ...own, decodeMicrosPerBlock: 9000 }
  expect(said.measured(slower)).toEqual({ hardware: together, group: { ...group, alone: slower } })
  expect(said.serving(null)).toEqual({ hardware: slower, group: null })
})

test('routes go by what a group does, when that is clearly something else than was predicted', () => {
  const said = createSaidHardware(() => together)
  said.measured(own)
  expect(said.together(9000)).toBeNull()
  said.serving({ start: 0, end: 6, group })
  expect(said.together(5600)).toBeNull()
  expect(said.together(9000)).toEqual({
    hardware: { ...own, decodeMicrosPerBlock: 9000 },
    group: { ...group, alone: own },
  })
  expect(said.together(9100)).toBeNull()
  // Another one begins with what is predicted of it.
  expect(said.serving({ start: 0, end: 6, group })).toMatchObject({ hardware: together })
})

test('who has not measured itself says nothing of it', () => {
  expect(createSaidHardware(() => null).serving({ start: 0, end: 6 })).toEqual({ group: null })
})
