import { ShoalError, silentLogger } from '@shoal/host'
import { expect, test } from 'vitest'
import { prefill, rowsFrom } from '../../generation/prefill.ts'
import type { HiddenSession } from '../../route/types.ts'
import { kill } from '../../testing/fake-failover.ts'
import { createFakeSwarm, type FakeSwarm } from '../../testing/fake-swarm.ts'
import { createSparedSession } from './spared-session.ts'

const latencyMs = 5
/** The coordinator, three stages and the way back. */
const stepMs = 4 * latencyMs

interface Bench {
  readonly swarm: FakeSwarm
  readonly others: FakeSwarm['nodes']
  readonly session: HiddenSession
  readonly local: HiddenSession
}

/** Three stages, and three other peers with the same blocks. */
async function createBench(): Promise<Bench> {
  const swarm = createFakeSwarm({ latencyMs })
  const others = swarm.nodes.map(({ stage }, index) => swarm.addNode(`spare-${index}`, stage.range))
  const open = async (route?: FakeSwarm['nodes']): Promise<HiddenSession> =>
    swarm.finished(swarm.open(route === undefined ? {} : { route: route.map(({ stage }) => stage) }))
  const third = swarm.nodes.map(({ stage }, index) => swarm.addNode(`third-${index}`, stage.range))
  const another = (without: ReadonlySet<string>): Promise<HiddenSession> =>
    swarm.open({ route: (without.has('third-0') ? others : third).map(({ stage }) => stage) })
  const session = createSparedSession(
    { clock: swarm.clock, logger: silentLogger, hiddenSize: 8, open: another },
    await open(),
    await open(others),
  )
  return { swarm, others, session, local: await swarm.openLocal() }
}

/** Its connections stay and say nothing any more. */
function hang(swarm: FakeSwarm, peer: string): void {
  for (const other of [
    'coordinator',
    ...['node', 'spare'].flatMap((kind) => [0, 1, 2].map((at) => `${kind}-${at}`)),
  ])
    if (other !== peer) swarm.network.stop(peer, other)
}

/** @returns the time of the step */
async function step(
  { swarm, session, local }: Bench,
  rows: Float32Array,
  position?: number,
): Promise<number> {
  const options = { want: 'all' as const, ...(position !== undefined && { position }) }
  const expected = await local.forward(rows, options)
  const startMs = swarm.clock.nowMs()
  expect(await swarm.finished(session.forward(rows, options))).toEqual(expected)
  return swarm.clock.nowMs() - startMs
}

test.each([
  ['dies', kill],
  ['hangs', hang],
] as const)('a stage that %s costs a step at most, and the same rows keep coming', async (_, lose) => {
  for (const index of [0, 1, 2]) {
    const bench = await createBench()
    const { swarm, session } = bench
    await step(bench, swarm.rows(40))
    const usual = await step(bench, swarm.rows(1))
    expect(usual).toBeLessThanOrEqual(stepMs + 4)
    lose(swarm, `node-${index}`)
    const lost = await step(bench, swarm.rows(1))
    expect(lost).toBeLessThanOrEqual(2 * usual + 4)
    for (let turn = 0; turn < 20; turn += 1)
      expect(await step(bench, swarm.rows(1))).toBeLessThanOrEqual(usual + 4)
    expect(session.failovers).toBe(1)
    expect(session.continuity).toBe('identical')
    expect(session.route().map(({ peer }) => peer)).toEqual(['spare-0', 'spare-1', 'spare-2'])
    await session.close()
  }
})

test('the loss of a peer of the spare is not noticed', async () => {
  const bench = await createBench()
  const usual = await step(bench, bench.swarm.rows(1))
  kill(bench.swarm, 'spare-1')
  for (let turn = 0; turn < 30; turn += 1)
    expect(await step(bench, bench.swarm.rows(1))).toBeLessThanOrEqual(usual + 1)
  expect(bench.session.failovers).toBe(0)
  await bench.session.close()
})

test('a spare that fails is replaced in mid-answer, and the next loss costs a step as well', async () => {
  const bench = await createBench()
  const { swarm, session } = bench
  await step(bench, swarm.rows(300))
  const usual = await step(bench, swarm.rows(1))
  bench.others[1]!.runner.before = () => {
    throw new ShoalError('bad-model', 'cannot be computed anywhere')
  }
  for (let turn = 0; turn < 40; turn += 1) await step(bench, swarm.rows(1), session.length - (turn % 3))
  await swarm.advance(2000)
  await step(bench, swarm.rows(1))
  kill(swarm, 'node-1')
  expect(await step(bench, swarm.rows(1))).toBeLessThanOrEqual(2 * usual + 4)
  expect(session.route().map(({ peer }) => peer)).toEqual(['third-0', 'third-1', 'third-2'])
  await session.close()
})

test('rewinds and chunks under way give the same rows when a stage dies among them', async () => {
  const bench = await createBench()
  const { swarm, session, local } = bench
  const rows = swarm.rows(64)
  swarm.nodes[1]!.runner.before = (__, position) => {
    if (position === 16) kill(swarm, 'node-1')
  }
  const answer = prefill(session, rowsFrom(rows, 8), { chunkRows: 8, want: 'all' })
  expect(await swarm.finished(answer)).toEqual(await local.forward(rows, { want: 'all' }))
  for (const position of [64, 60, 61, 58, 62, 62]) await step(bench, swarm.rows(4), position)
  session.forget?.(63)
  expect(session.length).toBe(63)
  await step(bench, swarm.rows(1), 63)
  await session.close()
})

test('a spare that computes other bits is closed, and counts only if its answers were taken', async () => {
  const bench = await createBench()
  const { swarm, session } = bench
  const forward = swarm.nodes[2]!.runner.forward.bind(swarm.nodes[2]!.runner)
  await step(bench, swarm.rows(1))
  swarm.nodes[2]!.runner.forward = async (...given) => (await forward(...given)).map((value) => value + 1)
  await swarm.finished(session.forward(swarm.rows(1), { want: 'last' }))
  await swarm.advance(1000)
  swarm.nodes[2]!.runner.forward = forward
  expect(session.continuity).toBe('identical')
  await swarm.finished(session.forward(swarm.rows(1), { want: 'last' }))
  await session.close()
})
