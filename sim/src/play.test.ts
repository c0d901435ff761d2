import { describe, expect, test } from 'vitest'
import { playScenario } from './play.ts'
import { topologies } from './simulator/topologies.ts'

describe('a simulated swarm', () => {
  test.each(topologies)(
    '$name: a swarm loses a stage in mid-answer and gives the same tokens',
    async ({ name }) => {
      const outcome = await playScenario(name, { seed: 1 })
      expect(outcome.violations).toEqual([])
      expect(outcome).toMatchObject({ tokens: 96, tokensLost: 0, tokensChanged: 0 })
      expect(outcome.failovers).toBeGreaterThan(0)
    },
  )

  test(
    'groups formed by plans: answers survive faults of ranks and leaders',
    { timeout: 120_000 },
    async () => {
      let formed = 0
      for (let seed = 1; seed <= 8; seed += 1) {
        const outcome = await playScenario('groups', {
          seed,
          listener: (line) =>
            void (formed += line.includes('"blocks-changed"') && line.includes('"ranks":2') ? 1 : 0),
        })
        expect(outcome.violations, `seed ${seed}`).toEqual([])
        expect(outcome).toMatchObject({ tokensLost: 0, tokensChanged: 0 })
      }
      expect(formed).toBeGreaterThan(8)
    },
  )

  test('a seed gives the same run each time', async () => {
    const [first, again, other] = [
      await playScenario('home-wifi', { seed: 7 }),
      await playScenario('home-wifi', { seed: 7 }),
      await playScenario('home-wifi', { seed: 8 }),
    ]
    expect({ ...again, planMs: 0 }).toEqual({ ...first, planMs: 0 })
    expect(other.traceHash).not.toBe(first.traceHash)
  })

  test('an unknown scenario and too few nodes are refused', async () => {
    await expect(playScenario('nowhere', { seed: 1 })).rejects.toThrow('there is no scenario nowhere')
    await expect(playScenario('lan', { seed: 1, nodes: 1 })).rejects.toThrow('at least 4 nodes')
  })
})
