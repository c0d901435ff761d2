import { expect, test } from 'vitest'
import { playScenario } from './play.ts'

// `shoal sim large --nodes 100` plays many more nodes.
test(
  '20 nodes at four sites, concurrent answers and faults: every token equals the undisturbed one',
  { timeout: 120_000 },
  async () => {
    const { violations, tokensLost, tokensChanged, answers, failovers } = await playScenario('large', {
      seed: 2,
      nodes: 20,
    })
    expect({ violations, tokensLost, tokensChanged }).toEqual({
      violations: [],
      tokensLost: 0,
      tokensChanged: 0,
    })
    expect(answers).toBeGreaterThan(5)
    expect(failovers).toBeGreaterThan(0)
  },
)

test('the cost runner plays a scenario of the reference runner, and gives the same run each time', async () => {
  const [first, again] = [
    await playScenario('chaos', { seed: 3, runner: 'cost' }),
    await playScenario('chaos', { seed: 3, runner: 'cost' }),
  ]
  expect({ ...again, planMs: 0 }).toEqual({ ...first, planMs: 0 })
  expect(first).toMatchObject({
    violations: [],
    tokensLost: 0,
    tokensChanged: 0,
    repeat: 'npx shoal sim chaos --seed 3 --nodes 8 --runner cost',
  })
})

test('the reference runner refuses the large model', async () => {
  await expect(playScenario('large', { seed: 1, runner: 'reference' })).rejects.toThrow(
    'runs with the cost runner only',
  )
})
