import { expect, test } from 'vitest'
import { noMember } from './no-member.ts'
import { changedSnapshot, outlookOf } from './what-if.ts'

const member = (peerId: string, memoryBytes: number, decodeMicrosPerBlock: number) => {
  const base = noMember(peerId)
  return { ...base, numericClass: 'c', hardware: { ...base.hardware, memoryBytes, decodeMicrosPerBlock } }
}
const gib = 1024 ** 3
const snapshot = {
  members: [
    { ...member('a', 4 * gib, 1000), links: { b: 800 } },
    { ...member('b', 4 * gib, 3000), links: { a: 800 } },
    { ...member('c', 4 * gib, 2000), links: {} },
  ],
}

test('a new device has the speed and the links of the member in the middle, unless something is said of it', () => {
  const { members } = changedSnapshot(snapshot, {
    remove: ['b'],
    add: [
      { memoryBytes: 16 * gib, decodeMsPerBlock: null },
      { memoryBytes: 8 * gib, decodeMsPerBlock: 0.5 },
    ],
  })
  expect(members.map(({ peerId }) => peerId)).toEqual(['a', 'c', 'new-1', 'new-2'])
  expect(members[2]?.hardware).toMatchObject({ memoryBytes: 16 * gib, decodeMicrosPerBlock: 2000 })
  expect(members[3]?.hardware.decodeMicrosPerBlock).toBe(500)
  expect(members[2]).toMatchObject({ numericClass: 'c', links: { a: 800, c: 800, 'new-2': 800 } })
  expect(members[0]?.links).toEqual({ b: 800, 'new-1': 800, 'new-2': 800 })
})

test('a stranger cannot be taken away, and a swarm of nobody has no pattern', () => {
  expect(() => changedSnapshot(snapshot, { remove: ['x'], add: [] })).toThrow(/no member is called x/)
  expect(() => changedSnapshot({ members: [] }, { remove: [], add: [] })).toThrow(/no members yet/)
})

test('the outlook says which blocks nobody could hold, or how fast answers would be', () => {
  const made = {
    objective: 'latency',
    placements: [],
    apart: [],
    route: [],
    uncovered: [],
    prediction: null,
    kept: false,
  } as const
  expect(outlookOf({ ...made, uncovered: [{ start: 2, end: 4 }] })).toEqual({
    placements: [],
    uncovered: [[2, 4]],
    prediction: null,
  })
  const prediction = {
    tpotMicros: 20_000,
    ttftMicros: 500_000,
    promptTokens: 256,
    periodMicros: 1,
    tokensPerSecond: 90,
  }
  expect(outlookOf({ ...made, placements: [{ peer: 'a', start: 0, end: 4 }], prediction })).toEqual({
    placements: [{ peer: 'a', start: 0, end: 4 }],
    uncovered: [],
    prediction: { tokensPerSecond: 50, ttftMs: 500, promptTokens: 256, togetherTokensPerSecond: 90 },
  })
})
