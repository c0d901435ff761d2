import { expect, test } from 'vitest'
import { playScenario } from './play.ts'
import { scenarios } from './scenarios/index.ts'

const faults = scenarios.filter(({ name }) => /^F\d|^drain$/.test(name))

test.each(faults)('$name: $about', async ({ name }) => {
  for (const seed of [1]) {
    const { violations, tokensChanged } = await playScenario(name, { seed })
    expect({ seed, violations, tokensChanged }).toEqual({ seed, violations: [], tokensChanged: 0 })
  }
})

// Seeds in which the plan names the stage of the answer as the node that moves.
test.each([9, 11, 13])(
  'F21-only-holder-dies, seed %i: an idle copy moves instead of the stage',
  async (seed) => {
    const { violations, tokensLost } = await playScenario('F21-only-holder-dies', { seed })
    expect({ violations, tokensLost }).toEqual({ violations: [], tokensLost: 0 })
  },
)

test('every fault that the simulator can play has a scenario', () => {
  const played = new Set(
    faults.flatMap(({ name }) => (/^F\d/.test(name) ? [Number(/\d+/.exec(name)?.[0])] : [])),
  )
  expect([...played].sort((a, b) => a - b)).toEqual([
    1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22,
  ])
})
