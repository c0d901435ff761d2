import { silentLogger, sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { createSampler } from '@shoal/model'
import type { Transport } from '@shoal/network'
import type { BlockRunner } from '@shoal/runtime'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { settled } from '@shoal/host/testing'
import { createLocalSession } from '../generation/local-session.ts'
import { generateTokens } from '../generation/generate.ts'
import { createCoordinator } from '../coordinator/coordinator.ts'
import { createStageHost, type StageHost } from '../stage/stage-host.ts'
import type { HiddenSession, RouteStage } from '../route/types.ts'
import { createGroupBench, memoryLimitBytes, type GroupBench, type RankNode } from '@shoal/group/testing'
import { groupTimes } from '@shoal/group'

const model = 'llama'
const { cases } = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../../../test/golden', model, 'golden.json'), 'utf8'),
) as { cases: { prompt: number[]; greedy: number[] }[] }
const [golden] = cases
const whole = { start: 0, end: 3 }

let bench: GroupBench
afterEach(() => bench.close())

interface Generated {
  readonly ids: readonly number[]
  readonly bits: string
}

/** @param onToken runs before each token but the first */
async function generate(
  session: HiddenSession,
  maxTokens: number,
  onToken: (count: number) => Promise<void> | void = () => undefined,
): Promise<Generated> {
  const [embedding, head] = [await bench.device.loadEmbedding(), await bench.device.loadHead()]
  const sampler = createSampler({ temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1, seed: 0 }, 320)
  const ids: number[] = []
  let bits = ''
  for await (const token of generateTokens({
    session,
    embedding,
    head,
    sampler,
    promptIds: golden!.prompt,
    maxTokens,
    chunkRows: 5,
  })) {
    ids.push(token.tokenId)
    bits += Buffer.from(token.logits.slice().buffer).toString('base64').slice(0, 200)
    await onToken(ids.length)
  }
  return { ids, bits }
}

async function ranks(count: number, name = 'rank'): Promise<RankNode[]> {
  const nodes: RankNode[] = []
  for (let index = 0; index < count; index += 1) nodes.push(await bench.addRank(`${name}-${index + 1}`))
  return nodes
}

/** Files and threads answer in the real event loop. */
const eventLoopTurn = (): Promise<void> => sleep(systemClock, 0)

/** Lets timers run until the promise settles. */
async function finished<T>(promise: Promise<T>): Promise<T> {
  let over = false
  const end = (): void => void (over = true)
  promise.then(end, end)
  while (!over) {
    await settled(3000)
    await eventLoopTurn()
    if (!over) bench.clock.advance(10)
  }
  return promise
}

/** Threads and files need turns of the real event loop. */
async function soon(fits: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000 && !fits(); turn += 1) {
    await settled()
    await eventLoopTurn()
  }
  expect(fits()).toBe(true)
}

describe.each([
  ['reference', 'f32'],
  ['onnx', 'f32'],
  ['onnx', 'int4:32'],
] as const)('groups on %s, %s', (kind, weights) => {
  test.each([[[1, 1]], [[2, 1, 1]]])(
    'ranks of speeds %j are one stage of a route, with golden tokens',
    async (speeds) => {
      bench = await createGroupBench(model, weights, kind)
      // The second stage is one peer.
      const { transport, runner } = await bench.lead(
        'leader',
        { start: 0, end: 2 },
        weights === 'f32' ? speeds : [1, 1],
        await ranks(weights === 'f32' ? speeds.length - 1 : 1),
      )
      const single = await bench.device.loadBlocks({ start: 2, end: 3 }, { memoryLimitBytes })
      const found = await generateThrough(
        [await stageOf(transport, runner), await stageOf(bench.network.createTransport('single'), single)],
        null,
        null,
      )
      if (weights === 'f32') expect(found.ids).toEqual(golden!.greedy)
      else expect(found.ids).toHaveLength(golden!.greedy.length)
      expect(found.ranks).toEqual([runner.ranks, 1])
      await runner.release()
    },
  )

  test('a spare takes the share of a rank that dies in mid-answer, and no bit changes', async () => {
    bench = await createGroupBench(model, weights, kind)
    const [one, two, spare] = (await ranks(3)) as [RankNode, RankNode, RankNode]
    const speeds = weights === 'f32' ? [2, 1, 1] : [1, 1]
    const members = speeds.length === 3 ? [one, two] : [two]
    const undisturbed = await bench.lead('calm', whole, speeds, members)
    const expected = await generate(
      await createLocalSession([undisturbed.runner], { session: 'calm', tokenBudget: 100 }),
      20,
    )
    await undisturbed.runner.release()
    await settled()

    const { runner } = await bench.lead('leader', whole, speeds, members, [spare])
    const before = runner.numericClass
    const session = await createLocalSession([runner], { session: 'a', tokenBudget: 100 })
    const found = await generate(session, 20, (count) => {
      if (count === 9) bench.network.kill(two.peer)
    })
    expect(found).toEqual(expected)
    expect(runner.repairs).toBe(1)
    expect(runner.numericClass).toBe(before)
    expect(runner.members().map(({ peer }) => peer)).toContain(spare.peer)
    await session.close()
    // The spare's own thread closes it.
    await soon(() => spare.loaded.length === 1 && spare.loaded[0]!.memory().sessions === 0)
    await runner.release()
  })
})

test('a rank that hangs is found by its silence and replaced', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const [one, spare] = (await ranks(2)) as [RankNode, RankNode]
  const { runner } = await bench.lead('leader', whole, [1, 1], [one], [spare])
  const session = await createLocalSession([runner], { session: 'a', tokenBudget: 100 })
  const startMs = bench.clock.nowMs()
  const { ids } = await finished(
    generate(session, golden!.greedy.length, (count) => {
      if (count === 5) bench.network.stop('leader', one.peer)
    }),
  )
  expect(ids).toEqual(golden!.greedy)
  expect(runner.repairs).toBe(1)
  // By the deadline of a sum; the test's own turns of the event loop take virtual time too.
  expect(bench.clock.nowMs() - startMs).toBeGreaterThanOrEqual(groupTimes.sumDeadlineMs)
})

test('two losses one after the other take two spares; a third one ends the group as not ready', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const [one, two, three] = (await ranks(3)) as [RankNode, RankNode, RankNode]
  const { runner } = await bench.lead('leader', whole, [1, 1], [one], [two, three])
  const session = await createLocalSession([runner], { session: 'a', tokenBudget: 100 })
  const victims: Record<number, string> = { 4: one.peer, 8: two.peer, 12: three.peer }
  const ids: number[] = []
  const run = generate(session, 20, (count) => {
    ids.push(count)
    const victim = victims[count]
    if (victim !== undefined) bench.network.kill(victim)
  })
  await expect(run).rejects.toMatchObject({ code: 'not-ready' })
  expect(ids).toHaveLength(12)
  expect(runner.repairs).toBe(2)
})

test('a spare that dies while the caches are computed again is replaced by the next one', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const [one, three] = (await ranks(2)) as [RankNode, RankNode]
  const two = await bench.addRank('short-lived', { onForward: () => bench.network.kill('short-lived') })
  const { runner } = await bench.lead('leader', whole, [1, 1], [one], [two, three])
  await runner.open('a', 64)
  const rows = (count: number, from: number): Float32Array =>
    Float32Array.from({ length: count * 64 }, (_, index) => Math.sin(index + from))
  await runner.forward('a', 0, rows(10, 0))
  bench.network.kill(one.peer)
  const found = await runner.forward('a', 10, rows(1, 3))
  expect(two.loaded).toHaveLength(1)
  expect(runner.members().map(({ peer }) => peer)).toEqual([three.peer])
  const calm = await bench.lead('calm', whole, [1, 1], [await bench.addRank('rank-4')])
  await calm.runner.open('a', 64)
  await calm.runner.forward('a', 0, rows(10, 0))
  expect([...found]).toEqual([...(await calm.runner.forward('a', 10, rows(1, 3)))])
})

test('a group is a runner: positions, budgets, rewinds, several sessions, queued calls', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const { runner } = await bench.lead('leader', whole, [1, 1], await ranks(1))
  const rows = (count: number, from = 0): Float32Array =>
    Float32Array.from({ length: count * 64 }, (_, index) => Math.cos(index + from))
  await runner.open('a', 12)
  await runner.open('b', 400)
  await expect(runner.open('a', 5)).rejects.toMatchObject({ code: 'bad-request' })
  const first = runner.forward('a', 0, rows(4))
  expect(runner.length('a')).toBe(4)
  const second = runner.forward('a', 4, rows(1, 9))
  const other = runner.forward('b', 0, rows(300))
  for (const position of [0, 4, 6])
    await expect(runner.forward('a', position, rows(1))).rejects.toMatchObject({ code: 'wrong-position' })
  await expect(runner.forward('a', 5, rows(8))).rejects.toMatchObject({ code: 'limit-exceeded' })
  await expect(runner.forward('c', 0, rows(1))).rejects.toMatchObject({ code: 'unknown-session' })
  await expect(runner.forward('a', 5, new Float32Array(3))).rejects.toMatchObject({ code: 'bad-request' })
  const [four, one] = [await first, await second]
  expect([...(await other).subarray(0, 4 * 64)]).toEqual([...four])
  await runner.truncate('a', 4)
  expect([...(await runner.forward('a', 4, rows(1, 9)))]).toEqual([...one])
  await runner.close('a')
  await runner.close('a')
  expect(runner.memory().sessions).toBe(1)
  await runner.release()
  await expect(runner.forward('b', 300, rows(1))).rejects.toMatchObject({ code: 'not-ready' })
})

const hosts = new Map<string, StageHost>()

/** A node that serves one runner, as a route sees it. */
async function stageOf(node: Transport, held: BlockRunner): Promise<RouteStage> {
  const host = createStageHost(
    { transport: node, clock: bench.clock, logger: silentLogger },
    {
      manifestId: bench.manifestId,
      profile: bench.profile,
      numericClass: bench.device.numericClass,
      incarnation: 1,
    },
  )
  await host.setRunners([held])
  hosts.set(node.peerId, host)
  return {
    peer: node.peerId,
    addresses: node.addresses(),
    range: held.range,
    incarnation: 1,
    predictedStepMs: () => 10,
  }
}

/** Generates along `stages`; when the sixth token is there, something happens and `other` is what is found in the place of one of them. */
async function generateThrough(
  stages: readonly RouteStage[],
  happens: (() => void) | null,
  other: RouteStage | null,
): Promise<
  Generated & {
    failovers: number
    moves: number
    continuity: string
    ranks: readonly number[]
    events: readonly string[]
  }
> {
  const name = `coordinator-${other?.peer ?? 'calm'}`
  const events: string[] = []
  const logger = { ...silentLogger, info: (event: string) => void events.push(event) }
  const coordinator = createCoordinator({
    transport: bench.network.createTransport(name),
    clock: bench.clock,
    logger,
  })
  const routes = { find: async () => (other === null ? [] : [other]) }
  const session = await coordinator.open({
    session: `of-${name}`,
    manifestId: bench.manifestId,
    profile: bench.profile,
    hiddenSize: 64,
    range: whole,
    route: stages,
    routes,
    tokenBudget: 100,
  })
  const found = await finished(
    generate(session, golden!.greedy.length, (count) => {
      if (count === 6) happens?.()
    }),
  )
  const { failovers, moves, continuity } = session
  const ranks = session.route().map((stage) => stage.ranks)
  await session.close()
  return { ...found, failovers, moves, continuity, ranks, events }
}

test('without a spare the stage is lost like any other: the answer goes on elsewhere, as continued', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const [one] = (await ranks(1)) as [RankNode]
  const { transport, runner } = await bench.lead('leader', whole, [1, 1], [one])
  const single = await stageOf(
    bench.network.createTransport('single'),
    await bench.device.loadBlocks(whole, { memoryLimitBytes }),
  )
  const found = await generateThrough(
    [await stageOf(transport, runner)],
    () => bench.network.kill(one.peer),
    single,
  )
  expect(found.ids).toEqual(golden!.greedy)
  expect(found).toMatchObject({ failovers: 1, continuity: 'continued', ranks: [1] })
})

test('a leader that dies is replaced by another group of the same split, and no bit changes', async () => {
  bench = await createGroupBench(model, 'int4:32', 'reference')
  const [one, two] = (await ranks(2)) as [RankNode, RankNode]
  const first = await bench.lead('leader', whole, [1, 1], [one])
  const second = await bench.lead('other-leader', whole, [1, 1], [two])
  expect(second.runner.numericClass).toBe(first.runner.numericClass)
  expect(first.runner.numericClass).not.toBe(bench.device.numericClass)
  const [stage, double] = [
    await stageOf(first.transport, first.runner),
    await stageOf(second.transport, second.runner),
  ]
  const calm = await generateThrough([double], null, null)
  expect(calm).toMatchObject({ failovers: 0, ranks: [2] })
  const found = await generateThrough([stage], () => bench.network.kill('leader'), double)
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

test('a leader that leaves: its rows are computed again by another group of the same split, and no bit changes', async () => {
  bench = await createGroupBench(model, 'int4:32', 'reference')
  const [one, two] = (await ranks(2)) as [RankNode, RankNode]
  const first = await bench.lead('leader', whole, [1, 1], [one])
  const second = await bench.lead('other-leader', whole, [1, 1], [two])
  const [stage, double] = [
    await stageOf(first.transport, first.runner),
    await stageOf(second.transport, second.runner),
  ]
  const calm = await generateThrough([double], null, null)
  const found = await generateThrough([stage], () => hosts.get('leader')?.setDraining(true), double)
  expect(found).toMatchObject({
    ids: calm.ids,
    bits: calm.bits,
    failovers: 0,
    moves: 1,
    continuity: 'identical',
    ranks: [2],
    events: ['route-moved'],
  })
  expect(hosts.get('leader')?.sessions()).toBe(0)
})

test('a rank that dies while nothing is computed is replaced at once, and without a spare the group says that it is over', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const [one, spare] = (await ranks(2)) as [RankNode, RankNode]
  const { runner } = await bench.lead('leader', whole, [1, 1], [one], [spare])
  bench.network.kill(one.peer)
  await soon(() => runner.repairs === 1)
  expect(runner.members().map(({ peer }) => peer)).toEqual([spare.peer])
  expect(runner.lost.aborted).toBe(false)
  bench.network.kill(spare.peer)
  await soon(() => runner.lost.aborted)
  await expect(runner.open('a', 8)).rejects.toMatchObject({ code: 'not-ready' })
})

test('one that is released is not lost', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const { runner } = await bench.lead('leader', whole, [1, 1], await ranks(1))
  await runner.release()
  await settled()
  expect(runner.lost.aborted).toBe(false)
})

test('a spare of another numeric class is not taken', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const [one] = (await ranks(1)) as [RankNode]
  const odd = await bench.addRank('odd', { numericClass: 'another' })
  const { runner } = await bench.lead('leader', whole, [1, 1], [one], [odd])
  await runner.open('a', 8)
  bench.network.kill(one.peer)
  await expect(runner.forward('a', 0, new Float32Array(64).fill(0.5))).rejects.toMatchObject({
    code: 'not-ready',
  })
})
