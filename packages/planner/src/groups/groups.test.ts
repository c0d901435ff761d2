import { expect, test } from 'vitest'
import type { PlannerSnapshot } from '../snapshot.ts'
import { sketchCosts, sketchSnapshot } from '../testing/sketches.ts'
import { sumMicros, sumOverheadMicros } from './group-sums.ts'
import { explainGroups } from './explain-groups.ts'
import { planGroups, predictGroups } from './group-pipelines.ts'

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
  return sketchSnapshot(
    costs,
    names.map((name) => ({ name, fits, blockMicros, bytesPerSecond: 125_000_000, links: links(name) })),
  )
}

const shapeOf = (snapshot: PlannerSnapshot): string =>
  planGroups(snapshot)
    .grouped?.stages.map(({ peers }) => peers.length)
    .join('+') ?? 'nothing'

/** Blocks of a small, a medium and a large model: µs per block, number of blocks. */
const table: readonly (readonly [string, PlannerSnapshot, string])[] = [
  ['a small model on one table, where sums cost more than they save: one device', four(1900, 16, 100), '1'],
  ['the same model on devices of half the speed: all four together', four(3800, 16, 100), '4'],
  ['the same devices with 2 ms between them: one device', four(3800, 16, 2_000), '1'],
  ['a medium model on one table: all four together', four(9000, 32, 100), '4'],
  ['a medium model with 20 ms between devices: one device', four(9000, 32, 20_000), '1'],
  [
    'a large model that no two devices hold, with two near pairs far apart: a pipeline of two groups',
    four(40_000, 80, 200, 60_000, 25),
    '2+2',
  ],
  [
    'a large model of which each device holds an eighth: no pipeline',
    four(40_000, 80, 200, 60_000, 10),
    'nothing',
  ],
]

test.each(table)('%s', (_, given, wanted) => {
  expect(shapeOf(given)).toBe(wanted)
})

test('a group is only proposed where it beats single devices, and the explanation says what its sums cost', () => {
  const near = four(9000, 32, 100)
  const { grouped, single } = planGroups(near)
  expect(grouped!.tpotMicros).toBeLessThan(single!.tpotMicros)
  expect(explainGroups(near).join('\n')).toMatch(
    /^group a \+ b \+ c \+ d: 32 blocks together, [\d.]+ ms of a token for its sums\n[\d.]+ ms a token instead of [\d.]+ ms/,
  )
  const far = four(9000, 32, 50_000)
  expect(planGroups(far).grouped).toEqual(planGroups(far).single)
  expect(explainGroups(far).join('\n')).toMatch(
    /^groups: none would make a token faster\. a \+ b come closest: together they would save 4\.50 ms of computing per block and pay 51\.03 ms for its two sums\n  a sum: 25\.52 ms, of which 0\.45 ms whatever the link/,
  )
})

test('given groups are predicted in the same way as groups that the search finds', () => {
  const pairs = four(40_000, 80, 200, 60_000, 25)
  const { grouped } = planGroups(pairs)
  expect(
    predictGroups(
      pairs,
      grouped!.stages.map(({ peers }) => peers),
    ),
  ).toEqual(grouped)
  expect(
    predictGroups(pairs, [
      ['b', 'a'],
      ['c', 'd'],
    ])?.stages[0]?.peers,
  ).toEqual(['b', 'a'])
  expect(
    predictGroups(pairs, [
      ['a', 'b'],
      ['c', 'nobody'],
    ]),
  ).toBeNull()
  expect(predictGroups(pairs, [['a', 'b']])).toBeNull()
})

test('a group whose split the model does not allow is not proposed', () => {
  const near = four(9000, 32, 100)
  const pairs = planGroups(near, { canSplit: (speeds) => speeds.length === 2 })
  expect(pairs.grouped?.stages.every(({ peers }) => peers.length <= 2)).toBe(true)
  expect(planGroups(near, { canSplit: () => false }).grouped).toEqual(pairs.single)
  expect(explainGroups(near, { canSplit: () => false })).toEqual([
    'groups: none would make a token faster. Heads and columns of this model cannot be shared by a + b',
  ])
})

test('ranks of a group share the memory of a block, so together they hold what no single device could', () => {
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
  const { grouped, single } = planGroups(snapshot)
  expect(single?.stages.map(({ blocks }) => blocks)).toEqual([5, 3])
  expect(grouped?.stages).toMatchObject([{ peers: ['a', 'b'], blocks: 8 }])
})

test('a sum costs nothing for a single peer, and more with every rank', () => {
  const { costs, members } = four(1000, 4, 100)
  expect(sumMicros(members.slice(0, 1), costs)).toBe(0)
  expect(sumMicros(members.slice(0, 2), costs)).toBe(sumOverheadMicros + 50 + 66)
  expect(sumMicros(members, costs)).toBeGreaterThan(sumMicros(members.slice(0, 3), costs))
})
