import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answer } from './answer.ts'
import { killCase, ordersOf, runKill, stages } from './kill-runs.ts'
import type { MortalNode } from './mortal-node.ts'
import { sessionsLeft, startMortalSwarm, type MortalSwarm } from './mortal-swarm.ts'

/** A case takes some seconds, and minutes on a machine with two cores that starts processes for other tests too. */
const timeoutMs = 300_000

/**
 * Real processes, two for each stage. A new process replaces a dead one before the next kill. Each fault and each
 * stage is met here; `npm run chaos -- kills` plays all combinations, with other prompts and settings.
 */
describe('kill -9 of a stage (F1 to F4)', () => {
  let swarm: MortalSwarm
  beforeAll(async () => {
    swarm = await startMortalSwarm({ model: 'demo' }, [...stages, ...stages])
  }, timeoutMs)
  afterAll(() => swarm.close())

  test.each([
    ['F3', 'prefill', 0],
    ['F1', 'in-flight', 1],
    ['F2', 'after-push', 2],
    ['F4', 'replay', 1],
  ] as const)(
    '%s: in %s, stage %i: the tokens of one process',
    async (_, point, stage) => {
      const { result, expected, killed, due } = await runKill(swarm, killCase(point, stage))
      expect(killed).toBe(due)
      expect(result.tokenIds).toEqual(expected)
      expect(result.continuity).toBe('identical')
      expect(result.failovers).toBeGreaterThanOrEqual(due)
    },
    timeoutMs,
  )

  test(
    'an answer with 512 tokens of context survives three failures of different stages',
    async () => {
      const question = { promptTokens: 60, maxTokens: 452, sampling: { temperature: 0 } }
      const kills = [
        { point: 'after-push', promptTokens: 150 },
        { point: 'decode', promptTokens: 300 },
        { point: 'in-flight', promptTokens: 450 },
      ] as const
      const orders = kills.map((kill) => ordersOf({ ...kill, answered: 0 }, () => swarm.newPath()))
      const holders: MortalNode[] = []
      for (const [stage, range] of stages.entries()) {
        for (const node of await swarm.staff(range, 2)) {
          holders.push(node)
          await node.arm(orders[stage]!)
        }
      }
      const result = await answer(swarm.engine, question)
      expect(result.tokenIds).toEqual((await answer(swarm.local, question)).tokenIds)
      expect(holders.filter(({ alive }) => !alive)).toHaveLength(3)
      expect(result).toMatchObject({ continuity: 'identical', completionTokens: 452 })
      expect(result.failovers).toBeGreaterThanOrEqual(3)
      for (const { node } of swarm.living()) await node.arm([])
    },
    timeoutMs,
  )

  test('no node keeps anything of these sessions', async () => {
    expect(await sessionsLeft(swarm)).toBe(0)
  })
})
