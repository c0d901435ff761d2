import type { BlockRange } from '@shoal/model'
import type { Member, MemberState } from '@shoal/membership'
import { expect, test } from 'vitest'
import { countKeepers, countPlannedHolders } from './planned-keepers.ts'

const hardware = {
  memoryBytes: 1,
  decodeMicrosPerBlock: 1,
  prefillMicrosPerRowBlock: 1,
  bandwidthBytesPerSecond: 0,
  device: 'cpu',
  threads: 1,
}
const span = (start: number, end: number): BlockRange => ({ start, end })
function member(
  peerId: string,
  held: BlockRange | null,
  state: MemberState = 'serving',
  liveness: Member['liveness'] = 'alive',
): Member {
  return {
    record: {
      peerId,
      incarnation: 1,
      seq: 1,
      state,
      span: held,
      hardware,
      numericClass: 'none',
      addresses: [],
      version: '',
      links: {},
    },
    liveness,
    load: null,
  }
}

test.each([
  [
    'a peer that keeps its span counts',
    [member('a', span(1, 3))],
    [{ peer: 'a', start: 1, end: 3 }],
    [0, 1, 1, 0],
  ],
  [
    'a peer with a larger planned span does not count: it may let go first',
    [member('a', span(0, 3))],
    [{ peer: 'a', start: 0, end: 4 }],
    [0, 0, 0, 0],
  ],
  [
    'a peer with a smaller planned span does not count',
    [member('a', span(0, 3))],
    [{ peer: 'a', start: 1, end: 3 }],
    [0, 0, 0, 0],
  ],
  ['a held span without a plan does not count', [member('a', span(0, 3))], [], [0, 0, 0, 0]],
  [
    'a planned span that is not held does not count',
    [member('a', null)],
    [{ peer: 'a', start: 0, end: 4 }],
    [0, 0, 0, 0],
  ],
  [
    'this node does not count',
    [member('self', span(0, 4))],
    [{ peer: 'self', start: 0, end: 4 }],
    [0, 0, 0, 0],
  ],
  [
    'a draining peer does not count',
    [member('a', span(0, 4), 'draining')],
    [{ peer: 'a', start: 0, end: 4 }],
    [0, 0, 0, 0],
  ],
  [
    'a suspected peer does not count',
    [member('a', span(0, 4), 'serving', 'suspect')],
    [{ peer: 'a', start: 0, end: 4 }],
    [0, 0, 0, 0],
  ],
  [
    'several keepers add up',
    [member('a', span(0, 3)), member('b', span(2, 4))],
    [
      { peer: 'a', start: 0, end: 3 },
      { peer: 'b', start: 2, end: 4 },
    ],
    [1, 1, 2, 1],
  ],
  [
    'a span beyond the model is cut',
    [member('a', span(2, 9))],
    [{ peer: 'a', start: 2, end: 9 }],
    [0, 0, 1, 1],
  ],
] as const)('%s', (_name, members, placements, expected) => {
  expect(countKeepers(members, placements, 'self', 4)).toEqual(expected)
})

test('planned holders count whatever they hold now, except this node and peers that are gone', () => {
  const members = [
    { record: { peerId: 'self' }, liveness: 'alive' },
    { record: { peerId: 'a' }, liveness: 'alive' },
    { record: { peerId: 'b' }, liveness: 'dead' },
  ] as unknown as Member[]
  const placements = [
    { peer: 'self', start: 0, end: 1 },
    { peer: 'a', start: 1, end: 3 },
    { peer: 'b', start: 2, end: 4 },
  ]
  expect(countPlannedHolders(members, placements, 'self', 4)).toEqual([0, 1, 1, 0])
})
