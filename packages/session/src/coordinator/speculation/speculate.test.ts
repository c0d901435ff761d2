import { sleep } from '@shoal/host'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createFailoverBench, cutsOfSpares, kill, leftBehind } from '../../testing/fake-failover.ts'
import { createFakeSwarm } from '../../testing/fake-swarm.ts'
import {
  answer,
  embedding,
  greedy,
  maxTokens,
  oracle,
  plainAnswer,
  promptIds,
  sampled,
} from './testing/drafted-answers.ts'

describe('drafts change no token', () => {
  test.each([0, 0.5, 0.9, 1])('that are right with a chance of %d', async (chance) => {
    const swarm = createFakeSwarm({ latencyMs: 20 })
    const plain = await plainAnswer(swarm, greedy())
    const session = await swarm.finished(swarm.open())
    const speculation = { drafter: oracle(plain, chance), clock: swarm.clock }
    expect(await swarm.finished(answer(session, greedy(), speculation))).toEqual(plain)
  })

  test.each([1, 2, 3, 4, 5, 6])('that is drawn at temperature 1 with seed %i', async (seed) => {
    const swarm = createFakeSwarm({ latencyMs: 20 })
    const plain = await plainAnswer(swarm, sampled(seed))
    const session = await swarm.finished(swarm.open())
    let accepted = 0
    const speculation = {
      drafter: oracle(plain, 0.8, seed),
      clock: swarm.clock,
      onCount: (_drafted: number, right: number) => void (accepted = right),
    }
    expect(await swarm.finished(answer(session, sampled(seed), speculation))).toEqual(plain)
    expect(accepted).toBeGreaterThan(maxTokens / 2)
  })
})

test('right drafts save most round trips, and wrong ones cost next to nothing', async () => {
  const spentMs = async (chance: number | null): Promise<number> => {
    const swarm = createFakeSwarm({ latencyMs: 20 })
    const plain = await plainAnswer(swarm, greedy())
    const session = await swarm.finished(swarm.open())
    const startMs = swarm.clock.nowMs()
    const speculation = chance === null ? undefined : { drafter: oracle(plain, chance), clock: swarm.clock }
    await swarm.finished(answer(session, greedy(), speculation))
    return swarm.clock.nowMs() - startMs
  }
  const plainMs = await spentMs(null)
  expect(plainMs).toBe(maxTokens * 80)
  expect(await spentMs(1)).toBeLessThan(plainMs / 5)
  expect(await spentMs(0)).toBeLessThanOrEqual(plainMs / 0.97)
})

describe('an answer that ends before its drafts', () => {
  /** Begins an answer whose drafts are wrong every other time, and ends it after so many tokens. */
  async function ended(after: number): Promise<{ certain: number; kept: number; drafted: number }> {
    const swarm = createFakeSwarm({ latencyMs: 20 })
    const plain = await plainAnswer(swarm, greedy())
    const session = await swarm.finished(swarm.open({ session: 'first', keep: true }))
    let drafted = 0
    const speculation = {
      drafter: oracle(plain, 0.7),
      clock: swarm.clock,
      onCount: (sent: number) => void (drafted = sent),
    }
    const enough = new Error('enough')
    const taken: number[] = []
    const push = taken.push.bind(taken)
    taken.push = (tokenId) => {
      push(tokenId)
      if (taken.length === after) throw enough
      return taken.length
    }
    await expect(swarm.finished(answer(session, greedy(), speculation, taken))).rejects.toBe(enough)
    const { certain } = session
    await session.close()
    await swarm.advance(100)
    const text = [...promptIds, ...plain]
    const prefix = { session: 'first', rows: await embedding.lookup(text.slice(0, certain)) }
    const next = await swarm.finished(swarm.open({ prefix }))
    const kept = next.length
    const rows = await embedding.lookup(text)
    const local = await (await swarm.openLocal()).forward(rows, { want: 'all' })
    const rest = next.forward(rows.slice(kept * 8), { want: 'all' })
    expect(await swarm.finished(rest)).toEqual(local.slice(kept * 8))
    return { certain, kept, drafted }
  }

  test.each([20, 33, 34, 35, 50])(
    'leaves the rows of its %i tokens to the next session, and no row of a draft',
    async (after) => {
      const { certain, kept, drafted } = await ended(after)
      expect(drafted).toBeGreaterThan(0)
      expect([certain, kept]).toEqual([promptIds.length + after - 1, promptIds.length + after - 1])
    },
  )
})

test('whatever is lost in mid-window, the tokens are those of the undisturbed run and nothing is left behind', async () => {
  let struckInWindows = 0
  const kills = fc.array(fc.record({ victim: fc.nat(2), afterMs: fc.nat(200) }), { maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(
      kills,
      fc.constantFrom(...cutsOfSpares),
      fc.constantFrom(0.3, 0.8, 0.95),
      fc.option(fc.nat(1000)),
      async (losses, cuts, chance, seed) => {
        const bench = await createFailoverBench(cuts, 4, { latencyMs: 7 })
        const { swarm, session } = bench
        const sampler = seed === null ? greedy() : sampled(seed)
        const plain = await plainAnswer(swarm, sampler)
        const taken: number[] = []
        const speculation = { drafter: oracle(plain, chance), clock: swarm.clock }
        const answered = answer(session, sampler, speculation, taken)
        const dead: string[] = []
        for (const { victim, afterMs } of losses) {
          await swarm.finished(Promise.race([sleep(swarm.clock, afterMs), answered]))
          const route = session.route()
          const { peer } = route[victim % route.length]!
          if (dead.includes(peer)) continue
          if (taken.length > 0 && session.length > promptIds.length + taken.length) struckInWindows += 1
          dead.push(peer)
          kill(swarm, peer)
        }
        expect(await swarm.finished(answered)).toEqual(plain)
        expect(await leftBehind(bench, dead)).toEqual([])
      },
    ),
    { numRuns: 40, seed: 1 },
  )
  expect(struckInWindows).toBeGreaterThan(20)
})
