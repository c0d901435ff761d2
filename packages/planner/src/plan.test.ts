import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bruteForce } from './brute-force.ts'
import { sharedMicros } from './allocate.ts'
import { createCluster } from './cluster.ts'
import { blocksThatFit } from './costs.ts'
import { planExactly } from './exact.ts'
import { sketchCosts, sketchSnapshot, type MemberSketch } from './fixtures.ts'
import { plan, planHash, usersOf, type Objective } from './plan.ts'
import { planBySearch } from './search.ts'

const objectives = Object.keys(usersOf) as Objective[]

function sketches(countMax: number, fitsMax: number): fc.Arbitrary<MemberSketch[]> {
  const names = Array.from({ length: countMax }, (_, index) => `n${String(index).padStart(2, '0')}`)
  const one = fc.record({
    fits: fc.integer({ min: 0, max: fitsMax }),
    blockMicros: fc.integer({ min: 200, max: 20_000 }),
    numericClass: fc.constantFrom('one', 'two'),
    bytesPerSecond: fc.constantFrom(0, 1_000_000, 10_000_000, 100_000_000),
    rtts: fc.array(fc.integer({ min: 100, max: 40_000 }), { minLength: countMax, maxLength: countMax }),
  })
  return fc.array(one, { minLength: 1, maxLength: countMax }).map((list) =>
    list.map(({ rtts, ...rest }, index) => ({
      name: names[index]!,
      ...rest,
      // Some links are measured by one end, some by both, some by nobody.
      links: Object.fromEntries(
        names
          .slice(0, list.length)
          .flatMap((name, other) =>
            other === index || (other + index) % 3 === 0 ? [] : [[name, rtts[other]!]],
          ),
      ),
    })),
  )
}

describe('the exact planner', () => {
  test('equals brute force over all ordered subsets and all cuts', () => {
    fc.assert(
      fc.property(
        sketches(5, 5),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom(...objectives),
        (list, blockCount, objective) => {
          const costs = sketchCosts(blockCount)
          const cluster = createCluster(sketchSnapshot(costs, list), costs, costs.contextLength)
          const users = usersOf[objective]
          const found = planExactly(
            cluster,
            cluster.candidates.map((_, index) => index),
            users,
          )
          expect(found === undefined ? null : sharedMicros(found, users)).toBe(bruteForce(cluster, users))
        },
      ),
      { numRuns: 150, seed: 1 },
    )
  })
})

describe('every plan', () => {
  const withSpans = (
    list: MemberSketch[],
    blockCount: number,
    spans: readonly (readonly [number, number])[],
  ): MemberSketch[] =>
    list.map((sketch, index) => {
      const [start, length] = spans[index % spans.length] ?? [0, 0]
      const end = Math.min(blockCount, start + Math.min(length, sketch.fits))
      return end > start ? { ...sketch, span: [start, end] as const } : sketch
    })

  test('stays within memory, covers the model or names what is not covered, and does not depend on the order of its input', () => {
    const spans = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })), {
      minLength: 1,
      maxLength: 12,
    })
    fc.assert(
      fc.property(
        sketches(14, 8),
        fc.integer({ min: 1, max: 12 }),
        fc.constantFrom(...objectives),
        spans,
        (list, blockCount, objective, held) => {
          const costs = sketchCosts(blockCount)
          const snapshot = sketchSnapshot(costs, withSpans(list, blockCount, held))
          const made = plan(snapshot, costs, { objective })
          const holders = new Array<number>(blockCount).fill(0)
          for (const { peer, start, end } of made.placements) {
            const member = snapshot.members.find(({ peerId }) => peerId === peer)!
            expect(start).toBeGreaterThanOrEqual(0)
            expect(end).toBeGreaterThan(start)
            expect(end - start).toBeLessThanOrEqual(
              blocksThatFit(member.hardware.memoryBytes, costs, costs.contextLength),
            )
            for (let block = start; block < end; block += 1) holders[block]! += 1
          }
          const uncovered = made.uncovered.flatMap(({ start, end }) =>
            Array.from({ length: end - start }, (_, offset) => start + offset),
          )
          expect(holders.flatMap((count, block) => (count === 0 ? [block] : []))).toEqual(uncovered)
          expect(new Set(made.placements.map(({ peer }) => peer)).size).toBe(made.placements.length)
          if (uncovered.length === 0) {
            expect(made.route[0]!.start).toBe(0)
            expect(made.route.at(-1)!.end).toBe(blockCount)
            for (const [index, { start }] of made.route.entries())
              if (index > 0) expect(start).toBe(made.route[index - 1]!.end)
            expect(made.prediction!.tpotMicros).toBeGreaterThan(0)
            expect(Number.isInteger(made.prediction!.tpotMicros)).toBe(true)
          } else {
            const room = snapshot.members.reduce(
              (sum, member) => sum + blocksThatFit(member.hardware.memoryBytes, costs, costs.contextLength),
              0,
            )
            expect(room).toBeLessThan(blockCount)
          }
          expect(planHash(plan({ members: [...snapshot.members].reverse() }, costs, { objective }))).toBe(
            planHash(made),
          )
        },
      ),
      { numRuns: 400, seed: 2 },
    )
  })

  test('is stable: once everybody holds what it wants, it wants the same', () => {
    fc.assert(
      fc.property(
        sketches(9, 6),
        fc.integer({ min: 1, max: 10 }),
        fc.constantFrom(...objectives),
        (list, blockCount, objective) => {
          const costs = sketchCosts(blockCount)
          const made = plan(sketchSnapshot(costs, list), costs, { objective })
          const moved = list.map((sketch): MemberSketch => {
            const placement = made.placements.find(({ peer }) => peer === sketch.name)
            return placement === undefined ? sketch : { ...sketch, span: [placement.start, placement.end] }
          })
          expect(plan(sketchSnapshot(costs, moved), costs, { objective }).placements).toEqual(made.placements)
        },
      ),
      { numRuns: 300, seed: 3 },
    )
  })
})

describe('the search', () => {
  test('has a median regret of at most 2% against the exact planner', () => {
    const regrets: number[] = []
    fc.assert(
      fc.property(
        sketches(10, 6),
        fc.integer({ min: 4, max: 12 }),
        fc.constantFrom(...objectives),
        (list, blockCount, objective) => {
          const costs = sketchCosts(blockCount)
          const cluster = createCluster(sketchSnapshot(costs, list), costs, costs.contextLength)
          const users = usersOf[objective]
          const exact = planExactly(
            cluster,
            cluster.candidates.map((_, index) => index),
            users,
          )
          const found = planBySearch(cluster, users)
          expect(found === undefined).toBe(exact === undefined)
          if (exact !== undefined && found !== undefined)
            regrets.push(sharedMicros(found, users) / sharedMicros(exact, users) - 1)
        },
      ),
      { numRuns: 120, seed: 4 },
    )
    regrets.sort((a, b) => a - b)
    expect(regrets.length).toBeGreaterThan(50)
    expect(regrets[0]).toBeGreaterThanOrEqual(0)
    expect(regrets[regrets.length >> 1]).toBeLessThanOrEqual(0.02)
    expect(regrets[Math.floor(regrets.length * 0.9)]).toBeLessThanOrEqual(0.1)
  })
})
