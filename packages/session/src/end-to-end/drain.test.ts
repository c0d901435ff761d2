import { describe, expect, test } from 'vitest'
import {
  createFailoverBench,
  cutsOfSpares,
  finderOf,
  kill,
  leftBehind,
  type FailoverBench,
} from '../testing/fake-failover.ts'
import type { FakeNode } from '../testing/fake-node.ts'
import { createFakeSwarm, freeEverywhere } from '../testing/fake-swarm.ts'
import { prefill, rowsFrom } from '../generation/prefill.ts'

async function compare(
  bench: FailoverBench,
  rows: Float32Array,
  want: 'all' | 'last' = 'all',
): Promise<void> {
  const expected = await bench.local.forward(rows, { want })
  expect(await bench.swarm.finished(bench.session.forward(rows, { want }))).toEqual(expected)
}

/** Lets virtual time pass, step by step, until something holds. */
async function until(
  { swarm }: Pick<FailoverBench, 'swarm'>,
  holds: () => boolean,
  withinMs = 5_000,
): Promise<void> {
  for (let ms = 0; ms < withinMs && !holds(); ms += 1) await swarm.advance(1)
  expect(holds()).toBe(true)
}

const computedBy = (nodes: readonly FakeNode[]): number[] => nodes.map(({ runner }) => runner.computedRows)

describe.each([0, 1, 2])('stage %i of three leaves', (index) => {
  test.each(cutsOfSpares.map((cuts) => [cuts]))(
    'its keys and values go to spares cut %j: nobody computes a row twice',
    async (cuts) => {
      const bench = await createFailoverBench(cuts)
      await compare(bench, bench.swarm.rows(300))
      for (let step = 0; step < 40; step += 1) await compare(bench, bench.swarm.rows(1), 'last')
      const leaving = bench.swarm.nodes[index]!
      leaving.host.setDraining(true)
      await until(bench, () => leaving.host.sessions() === 0)
      const computed = computedBy([...bench.swarm.nodes, ...bench.spares])
      for (let step = 0; step < 5; step += 1) await compare(bench, bench.swarm.rows(1), 'last')
      expect(bench.session).toMatchObject({ moves: 1, failovers: 0, continuity: 'identical' })
      const onRoute = new Set(bench.session.route().map(({ peer }) => peer))
      expect(onRoute).not.toContain(leaving.peer)
      for (const [other, { peer, runner }] of [...bench.swarm.nodes, ...bench.spares].entries())
        expect(runner.computedRows - computed[other]!, peer).toBe(onRoute.has(peer) ? 5 : 0)
      // Of what was before, the successors have computed nothing.
      expect(computedBy(bench.spares).every((rows) => rows === 0 || rows === 5)).toBe(true)
      expect(await leftBehind(bench, [])).toEqual([])
    },
  )

  test('in a prefill, several chunks being under way', async () => {
    const bench = await createFailoverBench([0, 1, 3, 5, 6], 1, { latencyMs: 3 })
    const rows = bench.swarm.rows(400)
    const { host, runner } = bench.swarm.nodes[index]!
    runner.before = (_, position) => {
      if (position === 80) host.setDraining(true)
    }
    const answer = await bench.swarm.finished(
      prefill(bench.session, rowsFrom(rows, 8), { chunkRows: 8, want: 'all' }),
    )
    expect(answer).toEqual(await bench.local.forward(rows, { want: 'all' }))
    await compare(bench, bench.swarm.rows(1))
    expect(bench.session).toMatchObject({ moves: 1, failovers: 0, continuity: 'identical' })
    expect(await leftBehind(bench, [])).toEqual([])
  })

  test('and rewinds come while it hands over', async () => {
    const bench = await createFailoverBench([0, 6], 1, { latencyMs: 2 })
    await compare(bench, bench.swarm.rows(200))
    bench.swarm.nodes[index]!.host.setDraining(true)
    for (let turn = 0; turn < 12; turn += 1) {
      const rows = bench.swarm.rows(3)
      const position = bench.session.length - (turn % 4) * 9
      const expected = await bench.local.forward(rows, { want: 'all', position })
      expect(await bench.swarm.finished(bench.session.forward(rows, { want: 'all', position }))).toEqual(
        expected,
      )
    }
    await until(bench, () => bench.session.moves === 1)
    await compare(bench, bench.swarm.rows(2))
    expect(bench.session).toMatchObject({ failovers: 0, continuity: 'identical' })
    expect(await leftBehind(bench, [])).toEqual([])
  })

  test('and dies in the middle of it: journals are replayed', async () => {
    const bench = await createFailoverBench([0, 6], 2)
    await compare(bench, bench.swarm.rows(300))
    const leaving = bench.swarm.nodes[index]!
    const exportKeyValues = leaving.runner.exportKeyValues.bind(leaving.runner)
    leaving.runner.exportKeyValues = (session, window) => {
      if ((window?.from ?? 0) > 0) kill(bench.swarm, leaving.peer)
      return exportKeyValues(session, window)
    }
    leaving.host.setDraining(true)
    await until(bench, () => bench.session.failovers === 1)
    await compare(bench, bench.swarm.rows(2))
    expect(bench.session).toMatchObject({ moves: 0, continuity: 'identical' })
    expect(await leftBehind(bench, [leaving.peer])).toEqual([])
  })

  test('and its successor dies in the middle of it: another takes its place', async () => {
    const bench = await createFailoverBench([0, 6], 2)
    await compare(bench, bench.swarm.rows(300))
    const [first, second] = bench.spares as [FakeNode, FakeNode]
    const importKeyValues = first.runner.importKeyValues.bind(first.runner)
    first.runner.importKeyValues = (session, position, keyValues) => {
      if (position > 0) kill(bench.swarm, first.peer)
      return importKeyValues(session, position, keyValues)
    }
    bench.swarm.nodes[index]!.host.setDraining(true)
    await until(bench, () => bench.session.moves === 1)
    await compare(bench, bench.swarm.rows(2))
    expect(bench.session).toMatchObject({ failovers: 0, continuity: 'identical' })
    expect(bench.session.route()[index]!.peer).toBe(second.peer)
    expect(await leftBehind(bench, [first.peer])).toEqual([])
  })
})

test('keys and values with NaN are refused, and computed again', async () => {
  const bench = await createFailoverBench([0, 6], 2)
  await compare(bench, bench.swarm.rows(50))
  const leaving = bench.swarm.nodes[1]!
  leaving.runner.exportKeyValues = async (_, { from = 0, to = 0 } = {}) =>
    new Float32Array((to - from) * 2).fill(Number.NaN)
  leaving.host.setDraining(true)
  await until(bench, () => bench.session.moves === 1, 20_000)
  await compare(bench, bench.swarm.rows(2))
  expect(bench.session).toMatchObject({ failovers: 0, continuity: 'identical' })
  // All rows, anew.
  expect(Math.max(...computedBy(bench.spares))).toBe(52)
  expect(await leftBehind(bench, [])).toEqual([])
})

test('a successor without room is passed over', async () => {
  const bench = await createFailoverBench([0, 6], 2)
  await compare(bench, bench.swarm.rows(50))
  bench.spares[0]!.host.setDraining(true)
  bench.swarm.nodes[1]!.host.setDraining(true)
  await until(bench, () => bench.session.moves === 1)
  await compare(bench, bench.swarm.rows(2))
  expect(bench.session.route()[1]!.peer).toBe('spare-1-0')
  expect(bench.session).toMatchObject({ failovers: 0, continuity: 'identical' })
  expect(await leftBehind(bench, [])).toEqual([])
})

test('a successor of another class computes everything again', async () => {
  const bench = await createFailoverBench([0, 6], 1, { numericClass: 'other' })
  await compare(bench, bench.swarm.rows(50))
  bench.swarm.nodes[1]!.host.setDraining(true)
  await until(bench, () => bench.session.moves === 1)
  await compare(bench, bench.swarm.rows(2))
  expect(bench.session).toMatchObject({ failovers: 0, continuity: 'continued' })
  expect(computedBy(bench.spares)).toEqual([52])
  expect(await leftBehind(bench, [])).toEqual([])
})

test('without a successor everything stays until there is one', async () => {
  const swarm = createFakeSwarm()
  const spares: FakeNode[] = []
  const session = await swarm.open({ routes: finderOf(swarm, spares) })
  const bench = { swarm, spares, session, local: await swarm.openLocal() }
  await compare(bench, swarm.rows(50))
  const leaving = swarm.nodes[1]!
  leaving.host.setDraining(true)
  for (let second = 0; second < 3; second += 1) {
    await swarm.advance(1000)
    await compare(bench, swarm.rows(1))
  }
  expect(leaving.host.sessions()).toBe(1)
  spares.push(swarm.addNode('late', { start: 1, end: 5 }))
  await until(bench, () => leaving.host.sessions() === 0)
  await compare(bench, swarm.rows(1))
  expect(session).toMatchObject({ moves: 1, failovers: 0, continuity: 'identical' })
  expect(await leftBehind(bench, [])).toEqual([])
})

test('a session without a route finder stays, and ends as ever', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  await session.forward(swarm.rows(5), { want: 'last' })
  for (const { host } of swarm.nodes) host.setDraining(true)
  await swarm.advance(5_000)
  await session.forward(swarm.rows(5), { want: 'last' })
  expect(session.moves).toBe(0)
  await session.close()
  await swarm.advance(100)
  expect(freeEverywhere(swarm)).toBe(true)
})

test('every stage leaves at once, and then every one of those that came', async () => {
  const bench = await createFailoverBench([0, 3, 6], 2)
  await compare(bench, bench.swarm.rows(100))
  for (const { host } of bench.swarm.nodes) host.setDraining(true)
  await until(bench, () => bench.session.moves === 3)
  await compare(bench, bench.swarm.rows(3))
  for (const { peer } of bench.session.route())
    bench.spares.find((spare) => spare.peer === peer)!.host.setDraining(true)
  await until(
    bench,
    () =>
      bench.swarm.nodes.every(({ host }) => host.sessions() === 0) &&
      bench.spares.filter(({ host }) => host.sessions() > 0).length === 2,
  )
  await compare(bench, bench.swarm.rows(3))
  expect(bench.session).toMatchObject({ failovers: 0, continuity: 'identical' })
  expect(computedBy(bench.spares).reduce((sum, rows) => sum + rows, 0)).toBe(bench.session.route().length * 6)
  expect(await leftBehind(bench, [])).toEqual([])
})

test('a successor that has no outputs of the rows before computes them again when the one after it is lost', async () => {
  const bench = await createFailoverBench([0, 1, 2, 3, 4, 5, 6], 4)
  await compare(bench, bench.swarm.rows(100))
  bench.swarm.nodes[1]!.host.setDraining(true)
  await until(bench, () => bench.session.moves === 1)
  await compare(bench, bench.swarm.rows(5))
  const [before, lost] = bench.session.route().slice(1, 3)
  expect([before, lost]).toMatchObject([
    { start: 2, end: 3 },
    { start: 3, end: 4 },
  ])
  kill(bench.swarm, lost!.peer)
  await compare(bench, bench.swarm.rows(5))
  expect(bench.session).toMatchObject({ failovers: 1, moves: 1, continuity: 'identical' })
  expect(bench.spares.find(({ peer }) => peer === before!.peer)!.runner.computedRows).toBe(115)
  // What it computed again it can send again.
  kill(bench.swarm, bench.session.route()[2]!.peer)
  kill(bench.swarm, bench.session.route()[3]!.peer)
  await compare(bench, bench.swarm.rows(2))
  expect(bench.spares.find(({ peer }) => peer === before!.peer)!.runner.computedRows).toBe(117)
  await bench.session.close()
})

test('a session that ends while it is handed over leaves nothing anywhere', async () => {
  const bench = await createFailoverBench([0, 6], 1, { latencyMs: 5 })
  await compare(bench, bench.swarm.rows(300))
  for (const { host } of bench.swarm.nodes) host.setDraining(true)
  await bench.swarm.advance(13)
  expect(await leftBehind(bench, [])).toEqual([])
})

test('a coordinator that vanishes while its session is handed over: every stage and every successor is freed, others are not disturbed', async () => {
  const bench = await createFailoverBench([0, 6], 1, { latencyMs: 5 })
  const other = await bench.swarm.finished(bench.swarm.openFrom('other'))
  await bench.swarm.finished(other.forward(bench.swarm.rows(9), { want: 'last' }))
  await compare(bench, bench.swarm.rows(300))
  bench.swarm.nodes[1]!.host.setDraining(true)
  await until(bench, () => bench.spares[0]!.host.sessions() === 1)
  kill(bench.swarm, 'coordinator')
  await bench.swarm.advance(10_100)
  expect(bench.spares[0]!.host.memory()).toMatchObject({
    sessions: 0,
    journalBytes: 0,
    journalReservedBytes: 0,
    keptBytes: 0,
  })
  expect(bench.spares[0]!.runner.memory().sessions).toBe(0)
  expect(bench.swarm.nodes.map(({ host, runner }) => [host.sessions(), runner.memory().sessions])).toEqual([
    [1, 1],
    [1, 1],
    [1, 1],
  ])
  await bench.swarm.finished(other.forward(bench.swarm.rows(9), { want: 'last' }))
  await other.close()
})

test('a token waits for its own step, two round trips and the dial of the stage before, whatever the cache holds and whenever the stage leaves', async () => {
  const latencyMs = 10
  const longest: number[] = []
  for (let offsetMs = 0; offsetMs < 50; offsetMs += 3) {
    const bench = await createFailoverBench([0, 6], 1, { latencyMs })
    const { clock } = bench.swarm
    await compare(bench, bench.swarm.rows(400), 'last')
    let longestMs = 0
    for (let step = 0; step < 20; step += 1) {
      const startMs = clock.nowMs()
      if (step === 3) clock.after(offsetMs, () => bench.swarm.nodes[1]!.host.setDraining(true))
      await compare(bench, bench.swarm.rows(1), 'last')
      longestMs = Math.max(longestMs, clock.nowMs() - startMs)
    }
    expect(bench.session).toMatchObject({ moves: 1, failovers: 0 })
    longest.push(longestMs)
    expect(await leftBehind(bench, [])).toEqual([])
  }
  // Three stages: four hops.
  const stepMs = 4 * latencyMs
  const dialMs = 2 * latencyMs
  expect(Math.max(...longest)).toBeLessThanOrEqual(stepMs + 4 * latencyMs + dialMs)
})
