import { describe, expect, test } from 'vitest'
import {
  createFailoverBench,
  cutsOfSpares,
  finderOf,
  hangUp,
  kill,
  leftBehind,
  type FailoverBench,
} from '../testing/fake-failover.ts'
import { settled } from '@shoal/host/testing'
import { createFakeSwarm } from '../testing/fake-swarm.ts'
import { sessionLimits, sessionTimes } from '../route/limits.ts'
import { prefill, rowsFrom } from '../generation/prefill.ts'
import { StageError } from '../route/stage-error.ts'

async function compare(
  bench: FailoverBench,
  rows: Float32Array,
  want: 'all' | 'last' = 'all',
): Promise<void> {
  const expected = await bench.local.forward(rows, { want })
  expect(await bench.swarm.finished(bench.session.forward(rows, { want }))).toEqual(expected)
}

describe.each([0, 1, 2])('stage %i of three vanishes', (index) => {
  test.each(cutsOfSpares.map((cuts) => [cuts]))('between two steps, spares cut %j', async (cuts) => {
    const bench = await createFailoverBench(cuts)
    await compare(bench, bench.swarm.rows(300))
    for (let step = 0; step < 70; step += 1) await compare(bench, bench.swarm.rows(1), 'last')
    const computed = bench.swarm.nodes.map(({ runner }) => runner.computedRows)
    kill(bench.swarm, `node-${index}`)
    for (let step = 0; step < 5; step += 1) await compare(bench, bench.swarm.rows(1), 'last')
    expect(bench.session.failovers).toBe(1)
    expect(bench.session.continuity).toBe('identical')
    expect(bench.session.route().map(({ peer }) => peer)).not.toContain(`node-${index}`)
    // A survivor recomputes nothing.
    for (const [other, { runner }] of bench.swarm.nodes.entries())
      if (other !== index) expect(runner.computedRows - computed[other]!).toBe(5)
    expect(await leftBehind(bench, [`node-${index}`])).toEqual([])
  })

  test.each([
    ['before it computes', true],
    ['after it has pushed', false],
  ])('in a step, %s', async (_, before) => {
    const bench = await createFailoverBench([0, 3, 6])
    await compare(bench, bench.swarm.rows(9))
    const { runner } = bench.swarm.nodes[index]!
    const forward = runner.forward.bind(runner)
    runner.forward = async (...args) => {
      if (before) kill(bench.swarm, `node-${index}`)
      const output = await forward(...args)
      if (!before)
        settled(12)
          .then(() => kill(bench.swarm, `node-${index}`))
          .catch(() => undefined)
      return output
    }
    await compare(bench, bench.swarm.rows(1))
    runner.forward = forward
    await compare(bench, bench.swarm.rows(2))
    expect(bench.session.failovers).toBe(1)
    expect(await leftBehind(bench, [`node-${index}`])).toEqual([])
  })

  test.each([0, 1, 3, 7])('in prefill at chunk %i, several chunks being under way', async (chunk) => {
    const bench = await createFailoverBench([0, 1, 4, 6])
    const rows = bench.swarm.rows(80)
    bench.swarm.nodes[index]!.runner.before = (__, position) => {
      if (position === chunk * 8) kill(bench.swarm, `node-${index}`)
    }
    const answer = await bench.swarm.finished(
      prefill(bench.session, rowsFrom(rows, 8), { chunkRows: 8, want: 'all' }),
    )
    expect(answer).toEqual(await bench.local.forward(rows, { want: 'all' }))
    await compare(bench, bench.swarm.rows(1))
    expect(bench.session.failovers).toBe(1)
    expect(await leftBehind(bench, [`node-${index}`])).toEqual([])
  })

  test('by hanging: a step deadline and a ping later the stream goes on', async () => {
    const bench = await createFailoverBench()
    await compare(bench, bench.swarm.rows(5))
    const hung = `node-${index}`
    hangUp(bench, hung)
    const startMs = bench.swarm.clock.nowMs()
    await compare(bench, bench.swarm.rows(1))
    expect(bench.swarm.clock.nowMs() - startMs).toBeLessThanOrEqual(1_500)
    expect(bench.session.failovers).toBe(1)
    expect(await leftBehind(bench, [hung])).toEqual([])
  })

  test('and its replacement in the middle of the replay, and the one after it', async () => {
    const bench = await createFailoverBench([0, 6], 3)
    await compare(bench, bench.swarm.rows(200))
    for (let step = 0; step < 300; step += 1) await compare(bench, bench.swarm.rows(1), 'last')
    for (const { peer, runner } of bench.spares.slice(0, 2)) {
      runner.before = (_, position) => {
        if (position > 0) kill(bench.swarm, peer)
      }
    }
    kill(bench.swarm, `node-${index}`)
    await compare(bench, bench.swarm.rows(1))
    expect(bench.session.failovers).toBe(3)
    expect(await leftBehind(bench, [`node-${index}`, bench.spares[0]!.peer, bench.spares[1]!.peer])).toEqual(
      [],
    )
  })

  test('and nobody has its blocks: a typed error that names it and them, when the time of waiting is over', async () => {
    const swarm = createFakeSwarm()
    const session = await swarm.open({ routes: finderOf(swarm, []) })
    await session.forward(swarm.rows(3), { want: 'last' })
    kill(swarm, `node-${index}`)
    const startMs = swarm.clock.nowMs()
    const error: unknown = await swarm
      .finished(session.forward(swarm.rows(1), { want: 'last' }))
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(StageError)
    expect(error).toMatchObject({
      code: 'no-route',
      peer: `node-${index}`,
      message: expect.stringContaining(`nobody has block ${index * 2} (waited 30 s)`),
    })
    const waitedMs = swarm.clock.nowMs() - startMs
    expect(waitedMs).toBeGreaterThanOrEqual(sessionTimes.replacementWaitMs)
    // Each look may ask a lost peer for a sign of life.
    expect(waitedMs).toBeLessThan(sessionTimes.replacementWaitMs + 1000)
    await settled()
    expect(
      swarm.nodes.filter(({ peer }) => peer !== `node-${index}`).every(({ host }) => host.sessions() === 0),
    ).toBe(true)
  })
})

test.each([[[0, 1]], [[1, 2]], [[0, 2]], [[0, 1, 2]]])(
  'stages %j vanish at once, a rebuilt one feeding a rebuilt one',
  async (lost) => {
    const bench = await createFailoverBench([0, 1, 3, 5, 6])
    await compare(bench, bench.swarm.rows(150))
    const step = bench.session.forward(bench.swarm.rows(1), { want: 'last' })
    for (const index of lost) kill(bench.swarm, `node-${index}`)
    await bench.swarm.finished(step)
    const rows = bench.swarm.rows(1)
    expect(bench.session.length).toBe(151)
    await bench.swarm.finished(bench.session.forward(rows, { want: 'last' }))
    expect(
      await leftBehind(
        bench,
        lost.map((index) => `node-${index}`),
      ),
    ).toEqual([])
  },
)

test('every stage, one after another', async () => {
  const bench = await createFailoverBench([0, 3, 6], 3)
  await compare(bench, bench.swarm.rows(100))
  const dead: string[] = []
  for (let loss = 0; loss < 5; loss += 1) {
    const route = bench.session.route()
    const { peer } = route[loss % route.length]!
    dead.push(peer)
    kill(bench.swarm, peer)
    await compare(bench, bench.swarm.rows(1))
  }
  expect(bench.session.failovers).toBe(5)
  expect(await leftBehind(bench, dead)).toEqual([])
})

test('a replacement without room is passed over, and one of another class is said', async () => {
  const bench = await createFailoverBench([0, 6], 1, { numericClass: 'other' })
  await compare(bench, bench.swarm.rows(4))
  kill(bench.swarm, 'node-1')
  await compare(bench, bench.swarm.rows(1))
  expect(bench.session.continuity).toBe('continued')
  expect(await leftBehind(bench, ['node-1'])).toEqual([])

  const second = await createFailoverBench([0, 6], 2)
  second.spares[0]!.host.setDraining(true)
  kill(second.swarm, 'node-1')
  await compare(second, second.swarm.rows(1))
  expect(second.session.route()[1]!.peer).toBe('spare-1-0')
  expect(second.session.continuity).toBe('identical')
  expect(await leftBehind(second, ['node-1'])).toEqual([])
})

test('replacements that all vanish end the session after so many attempts', async () => {
  const bench = await createFailoverBench([0, 6], 3 * sessionLimits.maxRepairsPerStage + 3)
  await compare(bench, bench.swarm.rows(4))
  for (const { peer, runner } of bench.spares) runner.before = () => kill(bench.swarm, peer)
  kill(bench.swarm, 'node-1')
  const error: unknown = await bench.swarm
    .finished(bench.session.forward(bench.swarm.rows(1), { want: 'last' }))
    .catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'peer-vanished', message: expect.stringContaining('times in a row') })
})

test('a class that promises nothing is never identical', async () => {
  const bench = await createFailoverBench([0, 6], 1, { numericClass: 'none' })
  kill(bench.swarm, 'node-1')
  kill(bench.swarm, 'node-2')
  await compare(bench, bench.swarm.rows(1))
  expect(bench.session.continuity).toBe('continued')
  kill(bench.swarm, 'node-0')
  await compare(bench, bench.swarm.rows(1))
  expect(bench.session.route()).toMatchObject([
    { peer: 'spare-0-0', start: 0, end: 2 },
    { peer: 'spare-0-0', start: 2, end: 6 },
  ])
  expect(await leftBehind(bench, ['node-0', 'node-1', 'node-2'])).toEqual([])
})

test('a coordinator that vanishes after a repair leaves nothing on survivors and replacements', async () => {
  const bench = await createFailoverBench([0, 3, 6])
  await compare(bench, bench.swarm.rows(9))
  kill(bench.swarm, 'node-1')
  await compare(bench, bench.swarm.rows(1))
  kill(bench.swarm, 'coordinator')
  await bench.swarm.advance(10_000)
  expect(
    [...bench.swarm.nodes, ...bench.spares]
      .filter(({ peer }) => peer !== 'node-1')
      .map(({ host, runner }) => host.sessions() + runner.memory().sessions),
  ).toEqual([0, 0, 0, 0])
})

test('a rewind that a survivor never heard of takes nothing from it that is right', async () => {
  const bench = await createFailoverBench()
  await compare(bench, bench.swarm.rows(20))
  bench.swarm.nodes[1]!.runner.before = () => kill(bench.swarm, 'node-1')
  const row = bench.swarm.rows(3)
  const step = bench.swarm.finished(bench.session.forward(row, { want: 'all', position: 11 }))
  // A part of a step under way cannot be taken back; the next test of this kind takes back all of it.
  await expect(bench.session.forward(row, { want: 'all', position: 12 })).rejects.toMatchObject({
    code: 'bad-request',
  })
  expect(await step).toEqual(await bench.local.forward(row, { want: 'all', position: 11 }))
  await compare(bench, bench.swarm.rows(2))
  expect(bench.session.length).toBe(16)
  expect(await leftBehind(bench, ['node-1'])).toEqual([])
})

test('a rewind discards the steps under way whose rows it forgets, also where a stage is lost before', async () => {
  const bench = await createFailoverBench()
  await compare(bench, bench.swarm.rows(20))
  bench.swarm.nodes[1]!.runner.before = () => kill(bench.swarm, 'node-1')
  const [stale, row] = [bench.swarm.rows(3), bench.swarm.rows(3)]
  const discarded = expect(bench.session.forward(stale, { want: 'all', position: 11 })).rejects.toMatchObject(
    {
      code: 'cancelled',
    },
  )
  const step = bench.swarm.finished(bench.session.forward(row, { want: 'all', position: 3 }))
  await discarded
  expect(await step).toEqual(await bench.local.forward(row, { want: 'all', position: 3 }))
  await compare(bench, bench.swarm.rows(2))
  expect(bench.session.length).toBe(8)
  expect(await leftBehind(bench, ['node-1'])).toEqual([])
})

test('a rewind reaches the stages behind a replacement that never had the rows it forgets', async () => {
  const bench = await createFailoverBench([0, 2])
  await compare(bench, bench.swarm.rows(20))
  const [stale, row] = [bench.swarm.rows(3), bench.swarm.rows(1)]
  bench.swarm.nodes[2]!.runner.before = () => kill(bench.swarm, 'node-0')
  const answered = Promise.withResolvers<Float32Array>()
  // While the replacement computes the first rows again, the stale ones wait there, and the second stage has them.
  bench.spares[0]!.runner.before = () => {
    bench.spares[0]!.runner.before = () => undefined
    answered.resolve(bench.session.forward(row, { want: 'all', position: 20 }))
  }
  const discarded = expect(bench.session.forward(stale, { want: 'all', position: 20 })).rejects.toMatchObject(
    { code: 'cancelled' },
  )
  const step = await bench.swarm.finished(answered.promise)
  await discarded
  expect(step).toEqual(await bench.local.forward(row, { want: 'all', position: 20 }))
  await compare(bench, bench.swarm.rows(2))
  expect(bench.session.failovers).toBe(1)
  expect(await leftBehind(bench, ['node-0'])).toEqual([])
})

test('a closed session stays closed while its route is repaired', async () => {
  const bench = await createFailoverBench()
  await compare(bench, bench.swarm.rows(4))
  const step = bench.session.forward(bench.swarm.rows(1), { want: 'last' }).catch((error: unknown) => error)
  kill(bench.swarm, 'node-1')
  await settled(6)
  await bench.session.close()
  expect(await step).toMatchObject({ code: 'cancelled' })
  expect(await leftBehind(bench, ['node-1'])).toEqual([])
})
