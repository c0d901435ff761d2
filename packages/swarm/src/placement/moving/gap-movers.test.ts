import type { Member, MemberRecord } from '@shoal/membership'
import type { BlockRange } from '@shoal/model'
import type { Placement } from '@shoal/planner'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { blocksOf } from './decide.ts'
import { chooseGapMovers } from './gap-movers.ts'

const span = (start: number, end: number): BlockRange => ({ start, end })
const place = (peer: string, start: number, end: number): Placement => ({ peer, start, end })

function member(
  peerId: string,
  held: BlockRange | null,
  sessions: number | null,
  record: Partial<MemberRecord> = {},
): Member {
  return {
    record: {
      peerId,
      state: 'serving',
      span: held,
      hardware: { memoryBytes: 4 },
      ...record,
    } as unknown as MemberRecord,
    liveness: 'alive',
    load: sessions === null ? null : { sessions, busyPermille: 0 },
  }
}
/** One byte of memory holds one block. */
const fits = (memoryBytes: number): number => memoryBytes

/** Blocks 4 to 7 have no holder; by the plan, `a` moves there and `c` stays. */
const plan = [place('a', 4, 8), place('c', 0, 4)]
const exchanged = [place('a', 0, 4), place('c', 4, 8)]

test.each<[string, readonly Member[], readonly Placement[]]>([
  [
    'an idle copy moves instead of a node with sessions',
    [member('a', span(0, 4), 1), member('c', span(0, 4), 0)],
    exchanged,
  ],
  [
    'the plan stands when the mover has no sessions',
    [member('a', span(0, 4), 0), member('c', span(0, 4), 0)],
    plan,
  ],
  [
    'the plan stands when all nodes have sessions',
    [member('a', span(0, 4), 1), member('c', span(0, 4), 2)],
    plan,
  ],
  [
    'a node that has not announced its sessions counts as busy',
    [member('a', span(0, 4), 1), member('c', span(0, 4), null)],
    plan,
  ],
  [
    'a node with too little memory does not move instead',
    [member('a', span(0, 4), 1), member('c', span(0, 4), 0, { hardware: { memoryBytes: 3 } as never })],
    plan,
  ],
  [
    'a node that is to take the place of the mover fills the gap itself',
    [member('a', span(0, 4), 1), member('c', span(2, 6), 1)],
    exchanged,
  ],
  [
    'the plan stands when every block has a holder',
    [member('a', span(0, 4), 1), member('c', span(0, 4), 0), member('d', span(4, 8), 1)],
    plan,
  ],
  [
    'the plan stands for the move of a group',
    [
      member('a', span(0, 4), 1, { group: { ranks: ['x'], speeds: [1, 1] } as never }),
      member('c', span(0, 4), 0),
    ],
    plan,
  ],
])('%s', (_name, members, expected) => {
  expect(chooseGapMovers(plan, members, fits)).toEqual(expected)
})

test('a chain of two moves becomes one, whichever node has sessions', () => {
  // b is to fill the gap at 4 and c to take the place of b; c can fill the gap itself.
  const chain = [place('a', 0, 2), place('b', 4, 6), place('c', 2, 4)]
  const members = [member('a', span(0, 2), 1), member('b', span(2, 4), 1), member('c', span(0, 2), 1)]
  expect(chooseGapMovers(chain, members, fits)).toEqual([
    place('a', 0, 2),
    place('b', 2, 4),
    place('c', 4, 6),
  ])
})

test('after any exchange each node has one placement and every planned block still has one', () => {
  const range = fc.tuple(fc.nat(6), fc.integer({ min: 1, max: 4 })).map(([start, length]) => ({
    start,
    end: Math.min(8, start + length),
  }))
  const node = fc.record({ held: range, wanted: range, sessions: fc.nat(1) })
  fc.assert(
    fc.property(fc.array(node, { minLength: 1, maxLength: 6 }), (nodes) => {
      const placements = nodes.map(({ wanted }, index) => ({ peer: `p${index}`, ...wanted }))
      const members = nodes.map(({ held, sessions }, index) => member(`p${index}`, held, sessions))
      const chosen = chooseGapMovers(placements, members, fits)
      expect(chosen.map(({ peer }) => peer)).toEqual(placements.map(({ peer }) => peer))
      const covered = new Set(chosen.flatMap(blocksOf))
      for (const block of placements.flatMap(blocksOf)) expect(covered.has(block)).toBe(true)
    }),
  )
})
