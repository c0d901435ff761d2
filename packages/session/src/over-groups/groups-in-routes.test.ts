import { createMemoryBudget } from '@shoal/host'
import { createGroupBench, memoryLimitBytes, type GroupBench, type RankNode } from '@shoal/group/testing'
import { settled } from '@shoal/host/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { generateThrough, golden, model, stageOf, whole } from './testing/generating.ts'

let bench: GroupBench
afterEach(() => bench.close())

describe.each([
  ['reference', 'f32'],
  ['onnx', 'f32'],
  ['onnx', 'int4:32'],
] as const)('groups on %s, %s', (kind, weights) => {
  test.each([[[1, 1]], [[2, 1, 1]]])(
    'ranks of speeds %j are one stage of a route, and a single peer is the next one',
    async (wanted) => {
      bench = await createGroupBench(model, weights, kind)
      const speeds = weights === 'f32' ? wanted : [1, 1]
      const members = await bench.addRanks(speeds.length - 1)
      const { transport, runner } = await bench.lead('leader', { start: 0, end: 2 }, speeds, members)
      const single = await bench.device.loadBlocks(
        { start: 2, end: 3 },
        { memory: createMemoryBudget(memoryLimitBytes) },
      )
      const [first, second] = [
        await stageOf(bench, transport, runner),
        await stageOf(bench, bench.network.createTransport('single'), single),
      ]
      const found = await generateThrough(bench, [first.stage, second.stage])
      if (weights === 'f32') expect(found.ids).toEqual(golden.greedy)
      else expect(found.ids).toHaveLength(golden.greedy.length)
      expect(found.ranks).toEqual([runner.ranks, 1])
      await runner.release()
    },
  )
})

test('a group without a spare is lost like any stage, and the answer is continued elsewhere', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const [one] = (await bench.addRanks(1)) as [RankNode]
  const { transport, runner } = await bench.lead('leader', whole, [1, 1], [one])
  const single = await stageOf(
    bench,
    bench.network.createTransport('single'),
    await bench.device.loadBlocks(whole, { memory: createMemoryBudget(memoryLimitBytes) }),
  )
  const { stage } = await stageOf(bench, transport, runner)
  const found = await generateThrough(bench, [stage], () => bench.network.kill(one.peer), single.stage)
  expect(found.ids).toEqual(golden.greedy)
  expect(found).toMatchObject({ failovers: 1, continuity: 'continued', ranks: [1] })
})

describe('another group of the same split takes over without a change of bits', () => {
  const twoGroups = async () => {
    bench = await createGroupBench(model, 'int4:32', 'reference')
    const [one, two] = (await bench.addRanks(2)) as [RankNode, RankNode]
    const first = await bench.lead('leader', whole, [1, 1], [one])
    const second = await bench.lead('other-leader', whole, [1, 1], [two])
    expect(second.runner.numericClass).toBe(first.runner.numericClass)
    expect(first.runner.numericClass).not.toBe(bench.device.numericClass)
    return {
      one,
      first: await stageOf(bench, first.transport, first.runner),
      second: await stageOf(bench, second.transport, second.runner),
    }
  }

  test('when a leader dies', async () => {
    const { one, first, second } = await twoGroups()
    const calm = await generateThrough(bench, [second.stage])
    expect(calm).toMatchObject({ failovers: 0, ranks: [2] })
    const found = await generateThrough(
      bench,
      [first.stage],
      () => bench.network.kill('leader'),
      second.stage,
    )
    expect(found).toMatchObject({
      ids: calm.ids,
      bits: calm.bits,
      failovers: 1,
      continuity: 'identical',
      ranks: [2],
    })
    await settled()
    expect(one.host.groups).toBe(0)
  })

  test('when a leader leaves: the other group computes its KV caches again', async () => {
    const { first, second } = await twoGroups()
    const calm = await generateThrough(bench, [second.stage])
    const found = await generateThrough(
      bench,
      [first.stage],
      () => first.host.setDraining(true),
      second.stage,
    )
    expect(found).toMatchObject({
      ids: calm.ids,
      bits: calm.bits,
      failovers: 0,
      moves: 1,
      continuity: 'identical',
      ranks: [2],
      events: ['route-moved'],
    })
    expect(first.host.sessions()).toBe(0)
  })
})
