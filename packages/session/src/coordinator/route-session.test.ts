import { randomHex } from '@shoal/host'
import { expect, test } from 'vitest'
import { createCoordinator, openRouteSession } from './coordinator.ts'
import { settled } from '@shoal/host/testing'
import { fakeManifestId } from '../testing/fake-node.ts'
import { createFakeSwarm, freeEverywhere, type FakeSwarm } from '../testing/fake-swarm.ts'
import { prefill, rowsFrom } from '../generation/prefill.ts'
import type { HiddenSession } from '../route/types.ts'

const blockCount = 6

/** Every way to cut six blocks into spans. */
const everyCut = Array.from({ length: 2 ** (blockCount - 1) }, (_, bits) => [
  0,
  ...[1, 2, 3, 4, 5].filter((block) => (bits & (1 << (block - 1))) !== 0),
  blockCount,
])

async function forwardTheSame(swarm: FakeSwarm, session: HiddenSession, chunkRows: number): Promise<void> {
  const local = await swarm.openLocal()
  const prompt = swarm.rows(70)
  expect(await prefill(session, rowsFrom(prompt, 8), { chunkRows, want: 'all' })).toEqual(
    await local.forward(prompt, { want: 'all' }),
  )
  for (let step = 0; step < 10; step += 1) {
    const rows = swarm.rows(1 + (step % 3))
    const want = (['last', 'all', 'none'] as const)[step % 3]!
    expect(await session.forward(rows, { want })).toEqual(await local.forward(rows, { want }))
  }
  expect(session.length).toBe(local.length)
}

test.each(everyCut.map((cuts) => [cuts]))(
  'cut %j gives the rows of one process, and closing frees everything',
  async (cuts) => {
    const swarm = createFakeSwarm({ cuts })
    const session = await swarm.open()
    await forwardTheSame(swarm, session, 16)
    expect(session.route().map(({ start }) => start)).toEqual(cuts.slice(0, -1))
    expect(swarm.nodes[0]!.host.memory()).toEqual({
      sessions: 1,
      journalBytes: 2 * 64 * 8 * 4,
      journalReservedBytes: 512 * 8 * 4,
      keptBytes: 0,
    })
    await session.close()
    await session.close()
    await settled()
    expect(freeEverywhere(swarm)).toBe(true)
  },
)

test.each([1, 2, 3, 7, 64, 128])('chunks of %i rows give the same rows', async (chunkRows) => {
  const swarm = createFakeSwarm()
  await forwardTheSame(swarm, await swarm.open(), chunkRows)
})

test('one call with more rows than a step may have is several steps', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open({ tokenBudget: 2000 })
  const local = await swarm.openLocal()
  const rows = swarm.rows(1300)
  expect(await session.forward(rows, { want: 'last' })).toEqual(await local.forward(rows, { want: 'last' }))
})

test('stages compute different chunks at the same time', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  const computing = new Set<number>()
  let together = 0
  for (const [index, { runner }] of swarm.nodes.entries()) {
    runner.before = async () => {
      computing.add(index)
      together = Math.max(together, computing.size)
      await settled(20)
      computing.delete(index)
    }
  }
  await prefill(session, rowsFrom(swarm.rows(64), 8), { chunkRows: 8 })
  expect(together).toBe(3)
})

test('many sessions share the stages and one channel to each', async () => {
  const swarm = createFakeSwarm()
  const sessions = await Promise.all(Array.from({ length: 20 }, () => swarm.open()))
  await Promise.all(
    sessions.map((session) =>
      forwardTheSame(swarm, session, 16).catch((error: unknown) => expect.unreachable(String(error))),
    ),
  )
  expect(swarm.nodes.map(({ host }) => host.sessions())).toEqual([20, 20, 20])
  await Promise.all(sessions.map((session) => session.close()))
  await settled()
  expect(freeEverywhere(swarm)).toBe(true)
})

test('a node may hold two spans of a route, neighbours and not', async () => {
  const swarm = createFakeSwarm({ cuts: [0, 1, 2, 3, 6], spansOfOneNode: [[0, 1, 3], [2]] })
  const session = await swarm.open()
  expect(session.route().map(({ peer }) => peer)).toEqual(['node-0', 'node-0', 'node-2', 'node-0'])
  await forwardTheSame(swarm, session, 5)
  await session.close()
  await settled()
  expect(freeEverywhere(swarm)).toBe(true)
})

test('the coordinator may be a stage of its own route', async () => {
  const swarm = createFakeSwarm()
  const own = createCoordinator({
    transport: swarm.nodes[1]!.transport,
    clock: swarm.clock,
    logger: swarm.logger,
  })
  const session = await swarm.open({}, own)
  await forwardTheSame(swarm, session, 16)
  await own.close()
})

test('with latency on the links the rows are the same and time is virtual', async () => {
  const swarm = createFakeSwarm({ latencyMs: 20 })
  const session = await swarm.finished(swarm.open())
  const local = await swarm.openLocal()
  const rows = swarm.rows(1)
  const startMs = swarm.clock.nowMs()
  const answer = await swarm.finished(session.forward(rows, { want: 'last' }))
  expect(answer).toEqual(await local.forward(rows, { want: 'last' }))
  expect(swarm.clock.nowMs() - startMs).toBe(4 * 20)
})

test.each([
  [
    'rows of another size',
    (swarm: FakeSwarm, session: HiddenSession) =>
      session.forward(swarm.rows(1).subarray(1), { want: 'last' }),
    'bad-request',
    '7 values are not whole rows of 8',
  ],
  [
    'no rows',
    (_: FakeSwarm, session: HiddenSession) => session.forward(new Float32Array(0), { want: 'last' }),
    'bad-request',
    '0 values are not whole rows of 8',
  ],
  [
    'more than the token budget',
    (swarm: FakeSwarm, session: HiddenSession) => session.forward(swarm.rows(513), { want: 'last' }),
    'limit-exceeded',
    'token budget of 512',
  ],
])('%s are refused before anything is sent, and the session goes on', async (_, act, code, sentence) => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  await expect(act(swarm, session)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(sentence),
  })
  expect(session.length).toBe(0)
  await forwardTheSame(swarm, session, 16)
})

test('more steps under way than the limit are refused', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  const steps = Array.from({ length: 40 }, () => session.forward(swarm.rows(1), { want: 'last' }))
  const results = await Promise.allSettled(steps)
  expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(8)
  expect(session.length).toBe(32)
})

test('a session opened alone closes its channels with it, and when it is refused', async () => {
  const swarm = createFakeSwarm()
  const transport = swarm.network.createTransport('alone')
  const options = {
    session: randomHex(swarm.random, 16),
    manifestId: fakeManifestId,
    profile: 'f32',
    hiddenSize: 8,
    range: { start: 0, end: blockCount },
    route: swarm.nodes.map(({ stage }) => stage),
    tokenBudget: 512,
  }
  const session = await openRouteSession({ transport, clock: swarm.clock, logger: swarm.logger }, options)
  await forwardTheSame(swarm, session, 16)
  await session.close()
  await settled()
  expect(freeEverywhere(swarm)).toBe(true)
  const refused = openRouteSession(
    { transport, clock: swarm.clock, logger: swarm.logger },
    { ...options, profile: 'int4:32' },
  )
  await expect(refused).rejects.toMatchObject({ code: 'wrong-profile' })
})
