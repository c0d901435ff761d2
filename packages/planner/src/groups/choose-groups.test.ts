import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ModelCosts } from '../costs/costs.ts'
import { predict } from '../costs/predict.ts'
import { plan, planHash, type Plan } from '../plan.ts'
import { sketchCosts, sketchSnapshot, type MemberSketch } from '../testing/sketches.ts'
import { hasRoomForBoth } from './group-hardware.ts'
import { apartSnapshot } from './group-snapshot.ts'
import type { SharesOf } from './grouping.ts'

/** A model that can be split for any speeds. */
const shares: SharesOf = (speeds) =>
  speeds.map((speed) => Math.ceil((1000 * speed) / speeds.reduce((sum, other) => sum + other, 0)))

const costsOf = (blockCount: number): ModelCosts => ({ ...sketchCosts(blockCount), rowBytes: 8192 })

const planned = (
  costs: ModelCosts,
  list: readonly MemberSketch[],
  change: { shares?: SharesOf } = { shares },
): Plan => plan(sketchSnapshot(costs, list), { objective: 'latency', ...change })

/** Near devices, each on a machine of its own. */
function near(names: readonly string[], change: Partial<MemberSketch> = {}, rttMicros = 100): MemberSketch[] {
  return names.map((name) => ({
    name,
    fits: 20,
    blockMicros: 9000,
    bytesPerSecond: 125_000_000,
    machine: `machine of ${name}`,
    links: Object.fromEntries(names.filter((other) => other !== name).map((other) => [other, rttMicros])),
    ...change,
  }))
}

const groupsOf = ({ placements }: Plan): string[] =>
  placements.flatMap(({ peer, start, end, group }) =>
    group === undefined ? [] : [`${[peer, ...group.ranks].join('+')} ${start}:${end}`],
  )

/** The same members once each holds what the plan gives it and the leaders lead their groups. */
function adopted(list: readonly MemberSketch[], placements: Plan['placements']): MemberSketch[] {
  return list.map(({ span: _span, group: _group, ...sketch }): MemberSketch => {
    const placement = placements.find(({ peer }) => peer === sketch.name)
    if (placement === undefined) return sketch
    const { start, end, group } = placement
    return { ...sketch, span: [start, end], ...(group !== undefined && { group }) }
  })
}

describe('groups are formed', () => {
  const costs = costsOf(8)
  test.each<[string, MemberSketch[], string[]]>([
    ['by two near devices', near(['a', 'b']), ['a+b 0:8']],
    ['by four near devices', near(['a', 'b', 'c', 'd']), ['a+b+c+d 0:8']],
    ['not by devices that share a machine', near(['a', 'b'], { machine: 'one' }), []],
    [
      'not by devices that take no part in groups',
      near(['a', 'b']).map(({ machine: _machine, ...rest }) => rest),
      [],
    ],
    [
      'not by a device that takes part in groups and one that does not',
      near(['a', 'b']).map(({ machine, ...rest }) =>
        rest.name === 'a' ? { ...rest, machine: machine! } : rest,
      ),
      [],
    ],
    ['not over a far link', near(['a', 'b'], {}, 20_000), []],
    ['not where neither end has measured the link', near(['a', 'b'], { links: {} }), []],
    ['not where blocks are quick', near(['a', 'b'], { blockMicros: 900 }), []],
    ['not with a device of a class that promises nothing', near(['a', 'b'], { numericClass: 'none' }), []],
    [
      'not without room for both the share and the whole blocks that are held until the group serves',
      near(['a', 'b'], { fits: 9 }),
      [],
    ],
    [
      'by the devices that gain most, while a slow one stays by itself',
      [...near(['a', 'b', 'c']).slice(0, 2), { ...near(['a', 'b', 'c'])[2]!, blockMicros: 400_000 }],
      ['a+b 0:8'],
    ],
  ])('%s', (_, list, wanted) => {
    expect(groupsOf(planned(costs, list))).toEqual(wanted)
  })

  test('a faster leader has the larger share', () => {
    const [a, b] = near(['a', 'b'])
    const made = planned(costs, [a!, { ...b!, blockMicros: 13_000 }])
    expect(made.placements.find(({ peer }) => peer === 'a')?.group).toEqual({
      ranks: ['b'],
      speeds: [16, 11],
    })
  })

  test('no group is formed for many users, without a way to split, or for a split that the model refuses', () => {
    const list = near(['a', 'b'])
    expect(groupsOf(plan(sketchSnapshot(costs, list), { objective: 'throughput', shares }))).toEqual([])
    expect(groupsOf(planned(costs, list, {}))).toEqual([])
    expect(groupsOf(planned(costs, list, { shares: () => null }))).toEqual([])
  })

  test('ranks hold copies in the memory that their shares leave', () => {
    const { placements } = planned(costs, near(['a', 'b']))
    expect(placements).toContainEqual({ peer: 'b', start: 0, end: 8 })
  })
})

describe('a group that serves', () => {
  const costs = costsOf(8)
  const formed = (list: MemberSketch[]): MemberSketch[] => adopted(list, planned(costs, list).placements)

  test('stays while it is no slower than single peers, even where it would not be formed anew', () => {
    const list = formed(near(['a', 'b']))
    const slower = list.map((sketch) => ({ ...sketch, blockMicros: 2600 }))
    expect(groupsOf(planned(costs, slower))).toEqual(['a+b 0:8'])
    expect(groupsOf(planned(costs, near(['a', 'b'], { blockMicros: 2600 })))).toEqual([])
  })

  test('ends when its sums cost more than they save', () => {
    expect(
      groupsOf(
        planned(
          costs,
          formed(near(['a', 'b'])).map((sketch) => ({ ...sketch, blockMicros: 1500 })),
        ),
      ),
    ).toEqual([])
  })

  test('ends when a rank has left or is leaving', () => {
    const [a, b] = formed(near(['a', 'b']))
    expect(groupsOf(planned(costs, [a!]))).toEqual([])
    expect(groupsOf(planned(costs, [a!, { ...b!, state: 'draining' }]))).toEqual([])
  })

  test('keeps its split while a rank becomes a little slower', () => {
    const [a, b] = formed(near(['a', 'b']))
    expect(
      planned(costs, [a!, { ...b!, blockMicros: 11_000 }]).placements.find(({ peer }) => peer === 'a')?.group
        ?.speeds,
    ).toEqual([16, 16])
  })

  test('of two groups that name the same rank only the first counts', () => {
    const [a, b, c] = near(['a', 'b', 'c'])
    const group = { ranks: ['c'], speeds: [16, 16] }
    const made = planned(costs, [{ ...a!, span: [0, 8], group }, { ...b!, span: [0, 8], group }, c!])
    const peers = made.placements.flatMap(({ peer, group: found }) =>
      found === undefined ? [] : [peer, ...found.ranks],
    )
    expect(new Set(peers).size).toBe(peers.length)
  })
})

describe('every plan with groups', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const one = fc.record({
    fits: fc.integer({ min: 0, max: 30 }),
    blockMicros: fc.integer({ min: 2000, max: 30_000 }),
    numericClass: fc.constantFrom('one', 'one', 'two', 'none'),
    bytesPerSecond: fc.constantFrom(0, 60_000_000, 125_000_000, 125_000_000),
    machine: fc.constantFrom('own', 'own', 'own', 'shared', undefined),
    rtts: fc.array(fc.constantFrom(100, 100, 100, 100, 300, 20_000), {
      minLength: names.length,
      maxLength: names.length,
    }),
    span: fc.option(fc.tuple(fc.integer({ min: 0, max: 11 }), fc.integer({ min: 1, max: 12 })), {
      nil: undefined,
    }),
  })
  const swarms = fc
    .tuple(fc.array(one, { minLength: 2, maxLength: names.length }), fc.integer({ min: 1, max: 12 }))
    .map(([list, blockCount]) => ({
      costs: costsOf(blockCount),
      list: list.map(({ rtts, machine, span, ...rest }, index): MemberSketch => {
        const held =
          span === undefined
            ? undefined
            : ([
                Math.min(span[0], blockCount - 1),
                Math.min(blockCount, span[0] + Math.min(span[1], rest.fits)),
              ] as const)
        return {
          name: names[index]!,
          ...rest,
          ...(machine !== undefined && { machine: machine === 'own' ? `machine ${index}` : machine }),
          ...(held !== undefined && held[1] > held[0] && { span: held }),
          links: Object.fromEntries(
            names
              .slice(0, list.length)
              .flatMap((name, other) => (other === index ? [] : [[name, rtts[other]!]])),
          ),
        }
      }),
    }))

  test('exceeds no memory, puts no peer into two groups, and covers no less and is no slower than the plan without groups', () => {
    let groups = 0
    fc.assert(
      fc.property(swarms, ({ costs, list }) => {
        const made = planned(costs, list)
        const without = planned(costs, list, {})
        groups += groupsOf(made).length
        const peers = made.placements.flatMap(({ peer, group }) =>
          group === undefined ? [] : [peer, ...group.ranks],
        )
        expect(new Set(peers).size).toBe(peers.length)
        expect(made.uncovered).toEqual(without.uncovered)
        expect(made.apart).toEqual(without.placements)
        if (peers.length > 0)
          expect(made.prediction!.tpotMicros * 1250).toBeLessThanOrEqual(
            without.prediction!.tpotMicros * 1000,
          )
        const snapshot = sketchSnapshot(costs, list)
        for (const { peerId, hardware } of snapshot.members) {
          const shared = made.placements.flatMap(({ peer, start, end, group }) => {
            const rank = [peer, ...(group?.ranks ?? [])].indexOf(peerId)
            return group === undefined || rank < 0
              ? []
              : [{ blocks: end - start, permille: shares(group.speeds)![rank]! }]
          })
          const whole = (placements: Plan['placements']): number =>
            placements.reduce(
              (sum, { peer, start, end, group }) =>
                peer === peerId && group === undefined ? sum + end - start : sum,
              0,
            )
          const { blocks = 0, permille = 1000 } = shared[0] ?? {}
          // The peer holds the first by the plan, and the second until the group serves.
          if (blocks > 0 || whole(made.placements) > 0)
            expect(
              hasRoomForBoth(snapshot, hardware, {
                wholeBlocks: whole(made.placements),
                groupBlocks: blocks,
                permille,
              }),
            ).toBe(true)
          if (blocks > 0)
            expect(
              hasRoomForBoth(snapshot, hardware, {
                wholeBlocks: whole(made.apart),
                groupBlocks: blocks,
                permille,
              }),
            ).toBe(true)
        }
        const reversed = { ...snapshot, members: [...snapshot.members].reverse() }
        expect(planHash(plan(reversed, { objective: 'latency', shares }))).toBe(planHash(made))
      }),
      { numRuns: 600, seed: 5 },
    )
    // With fewer groups the property would say nothing about them.
    expect(groups).toBeGreaterThan(60)
  })

  // Nodes adopt a plan in this order: first what they hold by themselves, then the groups of the next plan.
  test('is stable: once it is adopted, by way of the placements without groups, the next plan is the same', () => {
    let groups = 0
    fc.assert(
      fc.property(swarms, ({ costs, list }) => {
        let held = list
        for (let turn = 0; turn < 3; turn += 1) held = adopted(held, planned(costs, held).apart)
        const wanted = planned(costs, held)
        const then = planned(costs, adopted(held, wanted.placements))
        groups += groupsOf(then).length
        expect(then.placements).toEqual(wanted.placements)
      }),
      { numRuns: 600, seed: 6 },
    )
    expect(groups).toBeGreaterThan(60)
  })
})

test('the record of a leader announces the figures of its group, but plans use the figures of the leader by itself', () => {
  const costs = costsOf(8)
  const list = adopted(near(['a', 'b']), planned(costs, near(['a', 'b'])).placements)
  const snapshot = sketchSnapshot(costs, list)
  const apart = apartSnapshot(snapshot)
  expect(apart.members[0]?.hardware.decodeMicrosPerBlock).toBe(9000)
  expect(predict(apart, [{ peer: 'a', start: 0, end: 8 }]).tpotMicros).toBeGreaterThan(
    planned(costs, list).prediction!.tpotMicros,
  )
})
