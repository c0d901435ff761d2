import { expect, test } from 'vitest'
import { playScenario } from './play.ts'

// Many more nodes: `shoal sim large --nodes 100`.
test(
  '20 nodes at four sites, many answers at once, faults: every token is the undisturbed one',
  { timeout: 120_000 },
  async () => {
    const { violations, tokensLost, tokensChanged, answers, failovers } = await playScenario('large', {
      seed: 1,
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

test('a scenario of real numbers is played without arithmetic too, and is the same run each time', async () => {
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

test('a model of many blocks is refused to the runner that computes', async () => {
  await expect(playScenario('large', { seed: 1, runner: 'reference' })).rejects.toThrow(
    'cost-model runner only',
  )
})
