import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blocksThatFit } from './costs/costs.ts'
import { plan, planHash, usersOf, type Objective } from './plan.ts'
import { anySketches } from './testing/any-sketches.ts'
import { sketchCosts, sketchSnapshot, type MemberSketch } from './testing/sketches.ts'

const objectives = Object.keys(usersOf) as Objective[]

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

  test('stays within memory, covers the model or names the uncovered blocks, and does not depend on the order of members', () => {
    const spans = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })), {
      minLength: 1,
      maxLength: 12,
    })
    fc.assert(
      fc.property(
        anySketches(14, 8),
        fc.integer({ min: 1, max: 12 }),
        fc.constantFrom(...objectives),
        spans,
        (list, blockCount, objective, held) => {
          const costs = sketchCosts(blockCount)
          const snapshot = sketchSnapshot(costs, withSpans(list, blockCount, held))
          const made = plan(snapshot, { objective })
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
          const reversed = { ...snapshot, members: [...snapshot.members].reverse() }
          expect(planHash(plan(reversed, { objective }))).toBe(planHash(made))
        },
      ),
      { numRuns: 400, seed: 2 },
    )
  })

  test('is stable: once every node holds what the plan gives it, the next plan is the same', () => {
    fc.assert(
      fc.property(
        anySketches(9, 6),
        fc.integer({ min: 1, max: 10 }),
        fc.constantFrom(...objectives),
        (list, blockCount, objective) => {
          const costs = sketchCosts(blockCount)
          const made = plan(sketchSnapshot(costs, list), { objective })
          const moved = list.map((sketch): MemberSketch => {
            const placement = made.placements.find(({ peer }) => peer === sketch.name)
            return placement === undefined ? sketch : { ...sketch, span: [placement.start, placement.end] }
          })
          expect(plan(sketchSnapshot(costs, moved), { objective }).placements).toEqual(made.placements)
        },
      ),
      { numRuns: 300, seed: 3 },
    )
  })
})
