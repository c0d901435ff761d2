import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { usersOf, type Objective } from '../plan.ts'
import { anySketches } from '../testing/any-sketches.ts'
import { sketchCosts, sketchSnapshot } from '../testing/sketches.ts'
import { sharedMicros } from './allocate.ts'
import { bruteForce } from './brute-force.ts'
import { createCluster } from './cluster.ts'
import { planExactly } from './exact.ts'
import { planBySearch } from './search.ts'

const objectives = Object.keys(usersOf) as Objective[]

describe('the exact planner', () => {
  test('equals brute force over all ordered subsets and all cuts', () => {
    fc.assert(
      fc.property(
        anySketches(5, 5),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom(...objectives),
        (list, blockCount, objective) => {
          const costs = sketchCosts(blockCount)
          const users = usersOf[objective]
          const cluster = createCluster(sketchSnapshot(costs, list), users)
          const found = planExactly(
            cluster,
            cluster.candidates.map((_, index) => index),
          )
          expect(found === undefined ? null : sharedMicros(found, users)).toBe(bruteForce(cluster))
        },
      ),
      { numRuns: 150, seed: 1 },
    )
  })
})

describe('the search', () => {
  test('has a median regret of at most 2% against the exact planner', () => {
    const regrets: number[] = []
    fc.assert(
      fc.property(
        anySketches(10, 6),
        fc.integer({ min: 4, max: 12 }),
        fc.constantFrom(...objectives),
        (list, blockCount, objective) => {
          const costs = sketchCosts(blockCount)
          const users = usersOf[objective]
          const cluster = createCluster(sketchSnapshot(costs, list), users)
          const exact = planExactly(
            cluster,
            cluster.candidates.map((_, index) => index),
          )
          const found = planBySearch(cluster)
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
