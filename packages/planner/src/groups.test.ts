import { expect, test } from 'vitest'
import { sketchCosts, sketchSnapshot } from './fixtures.ts'
import { sumMicros, sumOverheadMicros } from './group-sums.ts'
import { explainGroups, planGroups, predictGroups } from './groups.ts'

const names = ['a', 'b', 'c', 'd']

/** Four equal devices, `rttMicros` between the pairs a-b and c-d, `farMicros` between the others. */
function four(
  blockMicros: number,
  blockCount: number,
  rttMicros: number,
  farMicros = rttMicros,
  fits = blockCount,
) {
  const costs = { ...sketchCosts(blockCount), rowBytes: 8192 }
  const near = (a: string, b: string): boolean => ['ab', 'cd'].includes([a, b].sort().join(''))
  const links = (name: string): Record<string, number> =>
    Object.fromEntries(
      names
        .filter((other) => other !== name)
        .map((other) => [other, near(name, other) ? rttMicros : farMicros]),
    )
  return {
    costs,
    snapshot: sketchSnapshot(
      costs,
      names.map((name) => ({ name, fits, blockMicros, bytesPerSecond: 125_000_000, links: links(name) })),
    ),
  }
}

const shapeOf = ({ costs, snapshot }: ReturnType<typeof four>): string =>
  planGroups(snapshot, costs)
    .grouped?.stages.map(({ peers }) => peers.length)
    .join('+') ?? 'nothing'

/** Blocks of a small, a middle and a large model: µs per block, blocks. */
const table: readonly (readonly [string, ReturnType<typeof four>, string])[] = [
  ['a small model on one table: sums cost more than they save', four(1900, 16, 100), '1'],
  ['the same on devices of half the speed', four(3800, 16, 100), '4'],
  ['and with 2 ms between them', four(3800, 16, 2_000), '1'],
  ['a middle model on one table: all four together', four(9000, 32, 100), '4'],
  ['a middle model with 20 ms between devices: one device alone', four(9000, 32, 20_000), '1'],
  [
    'a large model that no two hold, two near pairs far apart: a pipeline of two groups',
    four(40_000, 80, 200, 60_000, 25),
    '2+2',
  ],
  ['a large model that one holds an eighth of: nothing', four(40_000, 80, 200, 60_000, 10), 'nothing'],
]

test.each(table)('%s', (_, given, wanted) => {
  expect(shapeOf(given)).toBe(wanted)
})

test('a group is only proposed when it beats single devices, and says what it pays', () => {
  const near = four(9000, 32, 100)
  const { grouped, single } = planGroups(near.snapshot, near.costs)
  expect(grouped!.tpotMicros).toBeLessThan(single!.tpotMicros)
  expect(explainGroups(near.snapshot, near.costs).join('\n')).toMatch(
    /^group a \+ b \+ c \+ d: 32 blocks together, [\d.]+ ms of a token for its sums\n[\d.]+ ms a token instead of [\d.]+ ms/,
  )
  const far = four(9000, 32, 50_000)
  expect(planGroups(far.snapshot, far.costs).grouped).toEqual(planGroups(far.snapshot, far.costs).single)
  expect(explainGroups(far.snapshot, far.costs).join('\n')).toMatch(
    /^groups: none pays\. a \+ b come closest: together they would save 4\.50 ms of computing per block and pay 51\.03 ms for its two sums\n  a sum: 25\.52 ms, of which 0\.45 ms whatever the link/,
  )
})

test('groups that somebody names are predicted as those that are searched for', () => {
  const pairs = four(40_000, 80, 200, 60_000, 25)
  const { grouped } = planGroups(pairs.snapshot, pairs.costs)
  expect(
    predictGroups(
      pairs.snapshot,
      pairs.costs,
      grouped!.stages.map(({ peers }) => peers),
    ),
  ).toEqual(grouped)
  expect(
    predictGroups(pairs.snapshot, pairs.costs, [
      ['b', 'a'],
      ['c', 'd'],
    ])?.stages[0]?.peers,
  ).toEqual(['b', 'a'])
  expect(
    predictGroups(pairs.snapshot, pairs.costs, [
      ['a', 'b'],
      ['c', 'nobody'],
    ]),
  ).toBeNull()
  expect(predictGroups(pairs.snapshot, pairs.costs, [['a', 'b']])).toBeNull()
})

test('a split that the model does not allow is not proposed', () => {
  const near = four(9000, 32, 100)
  const pairs = planGroups(near.snapshot, near.costs, { canSplit: (speeds) => speeds.length === 2 })
  expect(pairs.grouped?.stages.every(({ peers }) => peers.length <= 2)).toBe(true)
  expect(planGroups(near.snapshot, near.costs, { canSplit: () => false }).grouped).toEqual(pairs.single)
  expect(explainGroups(near.snapshot, near.costs, { canSplit: () => false })).toEqual([
    'groups: none pays. Heads and columns of this model cannot be shared by a + b',
  ])
})

test('ranks of a group share its memory: together they hold what none could', () => {
  const costs = { ...sketchCosts(8), rowBytes: 8192 }
  const links = { a: { b: 100 }, b: { a: 100 } }
  const snapshot = sketchSnapshot(
    costs,
    (['a', 'b'] as const).map((name) => ({
      name,
      fits: 5,
      blockMicros: 20_000,
      bytesPerSecond: 125_000_000,
      links: links[name],
    })),
  )
  const { grouped, single } = planGroups(snapshot, costs)
  expect(single?.stages.map(({ blocks }) => blocks)).toEqual([5, 3])
  expect(grouped?.stages).toMatchObject([{ peers: ['a', 'b'], blocks: 8 }])
})

test('a sum costs nothing alone, and more with every rank', () => {
  const { costs, snapshot } = four(1000, 4, 100)
  const { members } = snapshot
  expect(sumMicros(members.slice(0, 1), costs)).toBe(0)
  expect(sumMicros(members.slice(0, 2), costs)).toBe(sumOverheadMicros + 50 + 66)
  expect(sumMicros(members, costs)).toBeGreaterThan(sumMicros(members.slice(0, 3), costs))
})
