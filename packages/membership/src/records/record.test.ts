import { encode } from 'cborg'
import { expect, test } from 'vitest'
import { decodeRecord, encodeRecord, type MemberRecord } from './record.ts'

const alone = {
  memoryBytes: 1000,
  decodeMicrosPerBlock: 2000,
  prefillMicrosPerRowBlock: 200,
  bandwidthBytesPerSecond: 0,
  device: 'cpu',
  threads: 1,
}
const record: MemberRecord = {
  peerId: 'alice',
  incarnation: 1,
  seq: 2,
  state: 'serving',
  span: { start: 0, end: 4 },
  hardware: { ...alone, decodeMicrosPerBlock: 1100 },
  numericClass: 'of the group',
  addresses: [],
  version: 'test',
  links: { bob: 100 },
  machine: 'desk',
  group: { ranks: ['bob'], speeds: [16, 8], alone },
}

test('a record holds the group that serves its span; a record of an older release has none', () => {
  expect(decodeRecord(encodeRecord(record))).toEqual(record)
  const { machine: _machine, group: _group, ...older } = record
  expect(decodeRecord(encodeRecord(older))).toEqual(older)
})

test('a record tells which weights are on its disk, and why its owner does not follow the plan', () => {
  const disk = {
    units: [
      { start: 0, end: 3 },
      { start: 5, end: 6 },
    ],
    spareBytes: 2 ** 30,
  }
  const told = { ...record, disk, problem: 'blocks 0 to 1 cannot be loaded' }
  expect(decodeRecord(encodeRecord(told))).toEqual(told)
})

test.each([
  ['an empty range', { units: [{ start: 2, end: 2 }], spareBytes: 0 }],
  [
    'more ranges than a record may have',
    { units: Array.from({ length: 33 }, () => ({ start: 0, end: 1 })), spareBytes: 0 },
  ],
  ['no room', { units: [] }],
  ['no map', 7],
])('a disk with %s is refused', (_, disk) => {
  expect(() => decodeRecord(encode({ ...record, disk }))).toThrow('a member record was refused')
})

test.each([
  ['no ranks', { ...record.group, ranks: [], speeds: [1] }],
  [
    'more ranks than a group may have',
    { ...record.group, ranks: Array<string>(9).fill('bob'), speeds: Array<number>(10).fill(1) },
  ],
  ['a rank without a speed', { ...record.group, speeds: [16] }],
  ['a speed of zero', { ...record.group, speeds: [16, 0] }],
  ['a speed that is not a whole number', { ...record.group, speeds: [16, 0.5] }],
  ['a rank that is not a peer id', { ...record.group, ranks: [7] }],
  ['no hardware of the leader alone', { ranks: ['bob'], speeds: [16, 8] }],
  ['a text instead of a map', 'bob'],
])('a group with %s is refused', (_, group) => {
  expect(() => decodeRecord(encode({ ...record, group }))).toThrow('a member record was refused')
})
