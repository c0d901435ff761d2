import { expect, test } from 'vitest'
import { chaosDrafts, chaosSim, chaosTight } from './churn/sim.ts'
import { playScenario } from './play.ts'

// `npm run chaos` plays many more seeds.
test(
  '12 seeds of chaos: every answer equals the undisturbed one, whatever faults strike',
  { timeout: 240_000 },
  async () => {
    const report = await chaosSim(1, 12, () => undefined)
    expect(report.failed).toEqual([])
    expect(report).toMatchObject({ tokensLost: 0, tokensChanged: 0 })
    expect(report.shareWithFailover).toBeGreaterThanOrEqual(0.9)
    expect(Object.values(report.faults).every((count) => count > 0)).toBe(true)
  },
)

test(
  '5 seeds in which every loss needs a move: no answer is lost, and every block is soon served again',
  { timeout: 120_000 },
  async () => {
    const report = await chaosTight(1, 5, () => undefined)
    expect(report.failed).toEqual([])
    expect(report).toMatchObject({ tokensLost: 0, tokensChanged: 0 })
    expect(report.failovers).toBeGreaterThan(5)
  },
)

test('a seed in which faults strike while drafts are under way: every answer equals the undisturbed one', async () => {
  const report = await chaosDrafts(1, 1, () => undefined)
  expect(report.failed).toEqual([])
  expect(report).toMatchObject({ tokensLost: 0, tokensChanged: 0 })
  expect(report.accepted).toBeGreaterThan(100)
})

test('a seed of chaos gives the same run each time, to the last bit of every frame', async () => {
  const [first, again] = [
    await playScenario('chaos', { seed: 4711 }),
    await playScenario('chaos', { seed: 4711 }),
  ]
  expect({ ...again, planMs: 0 }).toEqual({ ...first, planMs: 0 })
})
