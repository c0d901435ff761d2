import type { Member } from '@shoal/membership'
import type { Placement } from '@shoal/planner'
import { expect, test } from 'vitest'
import type { Holding } from './holding.ts'
import { wantedBy } from './wanted.ts'

const group = { ranks: ['b'], speeds: [16, 8] }
/** a leads b over all blocks, c keeps a copy; without the group a pipeline of a and b, and the same copy. */
const placements: Placement[] = [
  { peer: 'a', start: 0, end: 6, group },
  { peer: 'b', start: 2, end: 6 },
  { peer: 'c', start: 0, end: 6 },
]
const apart: Placement[] = [
  { peer: 'a', start: 0, end: 3 },
  { peer: 'b', start: 3, end: 6 },
  { peer: 'c', start: 0, end: 6 },
]
const plan = { placements, apart }
const first: Holding = { start: 0, end: 3 }
const second: Holding = { start: 3, end: 6 }
const together: Holding = { start: 0, end: 6, group }

const leads = (change: Partial<Member['record']> = {}, liveness: Member['liveness'] = 'alive'): Member[] => [
  {
    record: {
      peerId: 'a',
      state: 'serving',
      span: { start: 0, end: 6 },
      group: { ...group, alone: {} },
      ...change,
    },
    liveness,
  } as unknown as Member,
]
const { group: _group, ...alone } = leads()[0]!.record

test.each<[string, string, Holding | null, readonly Member[], Holding | null]>([
  ['a leader that holds nothing holds its own part first', 'a', null, [], first],
  ['then it forms the group', 'a', first, [], together],
  ['and leads it', 'a', together, leads(), together],
  ['one that holds something else takes its part first', 'a', second, [], first],
  [
    'one whose former group was another one holds its part first',
    'a',
    { start: 0, end: 3, group: { ranks: ['c'], speeds: [1, 1] } },
    [],
    first,
  ],
  ['a rank holds its own part until the group serves', 'b', null, [], second],
  ['also when it holds it', 'b', second, [], second],
  ['and then what the plan gives it beside its share', 'b', second, leads(), { start: 2, end: 6 }],
  ['not while its leader serves other blocks', 'b', second, leads({ span: { start: 0, end: 3 } }), second],
  [
    'not while its leader serves in another split',
    'b',
    second,
    leads({ group: { ranks: ['b'], speeds: [8, 16], alone: alone.hardware } }),
    second,
  ],
  ['not while its leader is silent', 'b', second, leads({}, 'suspect'), second],
  ['others follow the plan', 'c', null, [], { start: 0, end: 6 }],
  ['whom the plan does not name wants nothing', 'd', null, [], null],
])('%s', (_, self, held, members, wanted) => {
  expect(wantedBy(plan, self, held, members)).toEqual(wanted)
})

test('a leader that nobody needs alone forms the group at once', () => {
  expect(wantedBy({ placements, apart: apart.slice(1) }, 'a', null, [])).toEqual(together)
})
