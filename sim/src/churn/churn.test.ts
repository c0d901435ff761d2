import { describe, expect, test } from 'vitest'
import { resurrections, runChurn } from './churn.ts'

describe('membership and planner under churn', () => {
  // `npm run chaos -- membership --seeds 1000` plays many more.
  test(
    '15 seeds: no ghost and no resurrection, and all peers agree after the calm',
    { timeout: 240_000 },
    async () => {
      const failures: string[] = []
      const kinds = new Set<string>()
      for (let seed = 1; seed <= 15; seed += 1) {
        const { violations, acts } = await runChurn(seed, 10)
        failures.push(...violations.map((violation) => `seed ${seed}: ${violation}`))
        for (const kind of Object.keys(acts)) kinds.add(kind)
      }
      expect(failures).toEqual([])
      expect([...kinds].sort()).toEqual(['adopt', 'freeze', 'kill', 'leave', 'partition', 'restart', 'slow'])
    },
  )

  // `npm run chaos -- groups` plays more.
  test(
    '8 seeds with groups: no peer is in two of them, and the plan settles while all follow it',
    { timeout: 240_000 },
    async () => {
      const failures: string[] = []
      let groups = 0
      for (let seed = 1; seed <= 8; seed += 1) {
        const result = await runChurn(seed, 8, true)
        failures.push(...result.violations.map((violation) => `seed ${seed}: ${violation}`))
        groups += result.groups
      }
      expect(failures).toEqual([])
      expect(groups).toBeGreaterThan(2)
    },
  )

  test.each([
    { seed: 287, rule: 'what members claimed in their former lives ends none when it is repeated' },
    { seed: 639, rule: 'an observer that has given many up takes the claims of few for no quorum' },
    { seed: 77, rule: 'an observer whose claim its subject has refuted gives its verdict up' },
    { seed: 596, rule: 'a peer that wakes takes what came while it slept for no flood' },
    // A frame read on waking once extended a lease by the length of the sleep.
    { seed: 774, rule: 'a beat read on waking extends a lease no longer than one read awake' },
  ])('seed $seed: $rule', async ({ seed }) => {
    expect((await runChurn(seed)).violations).toEqual([])
  })

  test('a seed gives the same run each time', async () => {
    const [first, again, other] = [await runChurn(41, 6), await runChurn(41, 6), await runChurn(42, 6)]
    expect(again).toEqual(first)
    expect(other.traceHash).not.toBe(first.traceHash)
  })
})

describe('the checker of resurrections', () => {
  const event = (atMs: number, observer: string, type: string, incarnation: number): string =>
    `${atMs} ${observer} ${JSON.stringify({ type, peer: 'b', incarnation })}`

  test.each([
    {
      name: 'a dead incarnation that joins',
      lines: [event(1, 'a', 'peer-dead', 3), event(2, 'a', 'peer-joined', 3)],
      found: 1,
    },
    {
      name: 'one before it',
      lines: [event(1, 'a', 'peer-left', 3), event(2, 'a', 'peer-joined', 2)],
      found: 1,
    },
    {
      name: 'a later one may',
      lines: [event(1, 'a', 'peer-dead', 3), event(2, 'a', 'peer-joined', 4)],
      found: 0,
    },
    {
      name: 'another observer may',
      lines: [event(1, 'a', 'peer-dead', 3), event(2, 'c', 'peer-joined', 3)],
      found: 0,
    },
    {
      name: 'a restarted observer has not seen it',
      lines: [
        event(1, 'a', 'peer-dead', 3),
        '2 {"type":"restart","peer":"a"}',
        event(3, 'a', 'peer-joined', 3),
      ],
      found: 0,
    },
  ])('$name', ({ lines, found }) => {
    expect(resurrections(lines)).toHaveLength(found)
  })
})
