import type { Member, MemberState } from '@shoal/membership'
import { expect, test } from 'vitest'
import { countCopies, planCopies, rangesOf } from './plan-copies.ts'

interface Disk {
  readonly units?: readonly (readonly [number, number])[]
  readonly spareBytes?: number
  readonly state?: MemberState
  readonly liveness?: Member['liveness']
  readonly span?: readonly [number, number]
  readonly group?: object
}

function member(
  peerId: string,
  { units = [], spareBytes = 100, state = 'joining', liveness = 'alive', span, group }: Disk,
): Member {
  return {
    record: {
      peerId,
      state,
      span: span === undefined ? null : { start: span[0], end: span[1] },
      disk: { units: units.map(([start, end]) => ({ start, end })), spareBytes },
      group,
    },
    liveness,
    load: null,
  } as unknown as Member
}
/** The embedding, four blocks, the head. */
const unitBytes = [10, 10, 10, 10, 10, 10]
const plan = (members: readonly Member[]) => Object.fromEntries(planCopies({ members, unitBytes }))

test('each unit that a single peer has goes to one more', () => {
  const copies = plan([member('owner', { units: [[0, 6]] }), member('b', {}), member('c', {})])
  expect(copies['owner']).toBeUndefined()
  expect([...(copies['b'] ?? []), ...(copies['c'] ?? [])].sort((x, y) => x - y)).toEqual([0, 1, 2, 3, 4, 5])
})

test('nothing is copied when two peers have it, on disk, in memory or while it is loaded', () => {
  const owner = member('owner', { units: [[0, 6]] })
  expect(plan([owner, member('b', { units: [[0, 6]] }), member('c', {})])).toEqual({})
  const ends = {
    units: [
      [0, 1],
      [5, 6],
    ],
  } as const
  const serving = member('b', { ...ends, state: 'serving', span: [0, 4] })
  expect(plan([owner, serving, member('c', {})])).toEqual({})
  const loading = member('b', { ...ends, span: [0, 4] })
  expect(plan([owner, loading, member('c', {})])).toEqual({})
})

test('what a peer that leaves has counts for nothing, nor do the shares of a group', () => {
  const owner = member('owner', { units: [[0, 6]] })
  const leaving = member('leaving', { units: [[0, 6]], state: 'draining' })
  expect(plan([owner, leaving, member('b', {})])).toEqual({ b: [0, 1, 2, 3, 4, 5] })
  const leader = member('leader', { spareBytes: 0, state: 'serving', span: [0, 4], group: {} })
  expect(plan([owner, leader, member('b', {})])).toEqual({ b: [0, 1, 2, 3, 4, 5] })
})

test('peers that are gone, leave or have no room keep nothing', () => {
  const owner = member('owner', { units: [[0, 6]] })
  const others = [
    member('dead', { liveness: 'dead' }),
    member('leaving', { state: 'draining' }),
    member('full', { spareBytes: 9 }),
  ]
  expect(plan([owner, ...others])).toEqual({})
})

test('no peer is given more than its room', () => {
  const copies = plan([member('owner', { units: [[0, 6]] }), member('b', { spareBytes: 25 })])
  expect(copies).toEqual({ b: [0, 1] })
})

test('a peer that joins takes only what is missing: copies that were made stay where they are', () => {
  const owner = member('owner', { units: [[0, 6]] })
  const made = plan([owner, member('b', {}), member('c', {})])
  const ranges = (units: readonly number[] = []) => units.map((unit): [number, number] => [unit, unit + 1])
  expect(
    plan([
      owner,
      member('b', { units: ranges(made['b']) }),
      member('c', { units: ranges(made['c']) }),
      member('d', {}),
    ]),
  ).toEqual({})
})

test('copies are counted over live peers, blocks in memory with them', () => {
  const members = [
    member('a', { units: [[0, 3]] }),
    member('b', { state: 'serving', span: [0, 2] }),
    member('c', { units: [[0, 6]], liveness: 'suspect' }),
  ]
  expect(countCopies(members, 6)).toEqual([1, 2, 2, 0, 0, 0])
})

test('units beyond the model, which a record may name, are left out', () => {
  const forged = member('forged', { units: [[0, Number.MAX_SAFE_INTEGER]], spareBytes: 0 })
  const beyond = member('beyond', { units: [[2 ** 52, Number.MAX_SAFE_INTEGER]], spareBytes: 0 })
  expect(countCopies([forged, beyond], 6)).toEqual([1, 1, 1, 1, 1, 1])
  expect(plan([forged, beyond])).toEqual({})
})

test('places become ranges, the first ones when there are too many', () => {
  expect(rangesOf([0, 1, 2, 5, 7, 8], 32)).toEqual([
    { start: 0, end: 3 },
    { start: 5, end: 6 },
    { start: 7, end: 9 },
  ])
  expect(rangesOf([0, 2, 4], 2)).toEqual([
    { start: 0, end: 1 },
    { start: 2, end: 3 },
  ])
})
