import { describe, expect, test } from 'vitest'
import { runChurn } from './churn.ts'

describe('membership and planner under churn', () => {
  // Many more: `npm run chaos -- membership --seeds 1000`.
  test('40 seeds: no ghost, nobody comes back from the dead, all agree after the calm', { timeout: 240_000 }, async () => {
    const failures: string[] = []
    const kinds = new Set<string>()
    for (let seed = 1; seed <= 40; seed += 1) {
      const { violations, acts } = await runChurn(seed, 10)
      failures.push(...violations.map((violation) => `seed ${seed}: ${violation}`))
      for (const kind of Object.keys(acts)) kinds.add(kind)
    }
    expect(failures).toEqual([])
    expect([...kinds].sort()).toEqual(['adopt', 'freeze', 'kill', 'leave', 'partition', 'restart', 'slow'])
  })

  test('a seed is the same world each time', async () => {
    const [first, again, other] = [await runChurn(41, 6), await runChurn(41, 6), await runChurn(42, 6)]
    expect(again).toEqual(first)
    expect(other.traceHash).not.toBe(first.traceHash)
  })
})
