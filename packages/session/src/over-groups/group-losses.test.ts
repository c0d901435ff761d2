import { groupTimes } from '@shoal/group'
import { createGroupBench, memoryLimitBytes, type GroupBench, type RankNode } from '@shoal/group/testing'
import { createMemoryBudget, sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { settled } from '@shoal/host/testing'
import { afterEach, expect, test } from 'vitest'
import { createLocalSession } from '../generation/local-session.ts'
import { finished, generate, golden, model, whole } from './testing/generating.ts'

let bench: GroupBench
afterEach(() => bench.close())

test.each([
  ['reference', 'f32'],
  ['onnx', 'f32'],
  ['onnx', 'int4:32'],
] as const)(
  'a spare takes the share of a rank that dies in the middle of an answer, and no bit changes (%s, %s)',
  async (kind, weights) => {
    bench = await createGroupBench(model, weights, kind)
    const [one, two, spare] = (await bench.addRanks(3)) as [RankNode, RankNode, RankNode]
    const speeds = weights === 'f32' ? [2, 1, 1] : [1, 1]
    const members = speeds.length === 3 ? [one, two] : [two]
    const undisturbed = await bench.lead('calm', whole, speeds, members)
    const calm = await createLocalSession([undisturbed.runner], { session: 'calm', tokenBudget: 100 })
    const expected = await generate(bench, calm, 20)
    await undisturbed.runner.release()
    await settled()

    const { runner } = await bench.lead('leader', whole, speeds, members, [spare])
    const before = runner.numericClass
    const session = await createLocalSession([runner], { session: 'a', tokenBudget: 100 })
    const found = await generate(bench, session, 20, (count) => {
      if (count === 9) bench.network.kill(two.peer)
    })
    expect(found).toEqual(expected)
    expect(runner.repairs).toBe(1)
    expect(runner.numericClass).toBe(before)
    expect(runner.members().map(({ peer }) => peer)).toContain(spare.peer)
    await session.close()
    // The spare closes its session in its own thread, which needs turns of the real event loop.
    const closed = (): boolean => spare.loaded.length === 1 && spare.loaded[0]!.memory().sessions === 0
    for (let turn = 0; turn < 1000 && !closed(); turn += 1) {
      await settled()
      await sleep(systemClock, 0)
    }
    expect(closed()).toBe(true)
    await runner.release()
  },
)

test.each(['reference', 'onnx'] as const)(
  'a spare takes the experts of a rank that dies in the middle of an answer, which is that of a peer with all experts (%s)',
  async (kind) => {
    bench = await createGroupBench('random-experts', 'int4:32', kind)
    const [one, two, spare] = (await bench.addRanks(3)) as [RankNode, RankNode, RankNode]
    const memory = createMemoryBudget(memoryLimitBytes)
    const alone = await bench.device.loadBlocks(whole, { memory })
    const expected = await generate(
      bench,
      await createLocalSession([alone], { session: 'alone', tokenBudget: 100 }),
      20,
    )
    const { runner } = await bench.lead('leader', whole, [2, 1, 1], [one, two], [spare])
    expect(runner.numericClass).toBe(bench.device.numericClass)
    expect(runner.memory().weightBytes).toBeLessThan(alone.memory().weightBytes)
    const session = await createLocalSession([runner], { session: 'a', tokenBudget: 100 })
    const found = await generate(bench, session, 20, (count) => {
      if (count === 9) bench.network.kill(two.peer)
    })
    expect(found).toEqual(expected)
    expect(runner.repairs).toBe(1)
    expect(runner.members().map(({ peer }) => peer)).toContain(spare.peer)
    await session.close()
    await runner.release()
    await alone.release()
  },
)

test('a rank that hangs is found by its silence and replaced', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const [one, spare] = (await bench.addRanks(2)) as [RankNode, RankNode]
  const { runner } = await bench.lead('leader', whole, [1, 1], [one], [spare])
  const session = await createLocalSession([runner], { session: 'a', tokenBudget: 100 })
  const startMs = bench.clock.nowMs()
  const { ids } = await finished(
    bench,
    generate(bench, session, golden.greedy.length, (count) => {
      if (count === 5) bench.network.stop('leader', one.peer)
    }),
  )
  expect(ids).toEqual(golden.greedy)
  expect(runner.repairs).toBe(1)
  // Turns of the real event loop take virtual time too, so only a lower bound holds.
  expect(bench.clock.nowMs() - startMs).toBeGreaterThanOrEqual(groupTimes.sumDeadlineMs)
})

test('two losses one after the other use two spares, and a third loss ends the group as not ready', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const [one, two, three] = (await bench.addRanks(3)) as [RankNode, RankNode, RankNode]
  const { runner } = await bench.lead('leader', whole, [1, 1], [one], [two, three])
  const session = await createLocalSession([runner], { session: 'a', tokenBudget: 100 })
  const victims: Record<number, string> = { 4: one.peer, 8: two.peer, 12: three.peer }
  const ids: number[] = []
  const run = generate(bench, session, 20, (count) => {
    ids.push(count)
    const victim = victims[count]
    if (victim !== undefined) bench.network.kill(victim)
  })
  await expect(run).rejects.toMatchObject({ code: 'not-ready' })
  expect(ids).toHaveLength(12)
  expect(runner.repairs).toBe(2)
})
