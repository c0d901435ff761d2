import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { sketchCosts, sketchSnapshot, type MemberSketch } from './testing/sketches.ts'
import { plan } from './plan.ts'

test('nodes that join one after the other cover the model, because each sees what the nodes before it are loading', () => {
  const costs = sketchCosts(6)
  const names = ['a', 'b', 'c', 'd', 'e']
  const micros = fc.array(fc.integer({ min: 500, max: 600_000 }), { minLength: 25, maxLength: 25 })
  fc.assert(
    fc.property(micros, fc.shuffledSubarray(names, { minLength: 5, maxLength: 5 }), (rtts, order) => {
      const members: MemberSketch[] = []
      for (const [at, name] of order.entries()) {
        const links = Object.fromEntries(
          order.slice(0, at).map((other, index) => [other, rtts[at * 5 + index]!]),
        )
        const newcomer: MemberSketch = { name, fits: 2, links }
        const own = plan(sketchSnapshot(costs, [...members, newcomer]), {
          objective: 'latency',
        }).placements.find(({ peer }) => peer === name)
        expect(own).toBeDefined()
        // The first node has loaded its span; the others are still loading.
        members.push({ ...newcomer, state: at === 0 ? 'serving' : 'joining', span: [own!.start, own!.end] })
        if (at < 2) continue
        const held = new Set(
          members.flatMap(({ span }) =>
            Array.from({ length: span![1] - span![0] }, (_, block) => span![0] + block),
          ),
        )
        expect(held.size).toBe(6)
      }
    }),
    { numRuns: 200 },
  )
})
