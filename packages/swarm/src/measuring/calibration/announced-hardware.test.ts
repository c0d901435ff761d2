import type { MemberHardware } from '@shoal/membership'
import { expect, test } from 'vitest'
import { createAnnouncedHardware } from './announced-hardware.ts'

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

test('a leader announces the speed of its group with its own beside it, and only its own after the group', () => {
  const announced = createAnnouncedHardware(() => together)
  expect(announced.measured(own)).toEqual({ hardware: own, group: null })
  expect(announced.serving({ start: 0, end: 6 })).toEqual({ hardware: own, group: null })
  expect(announced.serving({ start: 0, end: 6, group })).toEqual({
    hardware: together,
    group: { ...group, alone: own },
  })
  const slower = { ...own, decodeMicrosPerBlock: 9000 }
  expect(announced.measured(slower)).toEqual({ hardware: together, group: { ...group, alone: slower } })
  expect(announced.serving(null)).toEqual({ hardware: slower, group: null })
})

test("a group's measured speed replaces the predicted one when it differs by more than 15 %", () => {
  const announced = createAnnouncedHardware(() => together)
  announced.measured(own)
  expect(announced.groupMeasured(9000)).toBeNull()
  announced.serving({ start: 0, end: 6, group })
  expect(announced.groupMeasured(5600)).toBeNull()
  expect(announced.groupMeasured(9000)).toEqual({
    hardware: { ...own, decodeMicrosPerBlock: 9000 },
    group: { ...group, alone: own },
  })
  expect(announced.groupMeasured(9100)).toBeNull()
  // The next group starts with its predicted speed.
  expect(announced.serving({ start: 0, end: 6, group })).toMatchObject({ hardware: together })
})

test('a node that has not measured itself announces no hardware', () => {
  expect(createAnnouncedHardware(() => null).serving({ start: 0, end: 6 })).toEqual({ group: null })
})
