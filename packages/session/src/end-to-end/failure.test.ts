import { expect, test } from 'vitest'
import { settled } from '@shoal/host/testing'
import { createFakeSwarm, freeEverywhere } from '../testing/fake-swarm.ts'
import { prefill, rowsFrom } from '../generation/prefill.ts'
import { StageError } from '../route/stage-error.ts'

test.each([0, 1, 2])(
  'stage %i vanishes in decode: the step fails at once, with its name, and the others free the session',
  async (index) => {
    const swarm = createFakeSwarm()
    const session = await swarm.open()
    await session.forward(swarm.rows(3), { want: 'last' })
    swarm.nodes[index]!.runner.before = () => new Promise<void>(() => undefined)
    const startMs = swarm.clock.nowMs()
    const step = session.forward(swarm.rows(1), { want: 'last' }).catch((error: unknown) => error)
    await settled()
    swarm.network.kill(`node-${index}`)
    const error = await step
    expect(error).toBeInstanceOf(StageError)
    expect(error).toMatchObject({
      code: 'peer-vanished',
      definite: false,
      peer: `node-${index}`,
      range: { start: index * 2, end: index * 2 + 2 },
    })
    expect(swarm.clock.nowMs()).toBe(startMs)
    await settled()
    expect(swarm.nodes.filter((_, other) => other !== index).map(({ host }) => host.sessions())).toEqual([
      0, 0,
    ])
    await expect(session.forward(swarm.rows(1), { want: 'last' })).rejects.toBe(error)
    await session.close()
  },
)

test('a link between two stages that breaks is reported by the one before it', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  const step = session.forward(swarm.rows(1), { want: 'last' }).catch((error: unknown) => error)
  swarm.network.cut('node-1', 'node-2')
  expect(await step).toMatchObject({ code: 'peer-vanished', peer: 'node-2', definite: false })
  await settled()
  expect(freeEverywhere(swarm)).toBe(true)
})

test('a stage that hangs is found by the step deadline and named by its silence', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  await session.forward(swarm.rows(1), { want: 'last' })
  for (const other of ['coordinator', 'node-0', 'node-2']) swarm.network.stop('node-1', other)
  const step = session.forward(swarm.rows(1), { want: 'last' }).catch((error: unknown) => error)
  await settled()
  swarm.clock.advance(999)
  await settled()
  expect(session.length).toBe(2)
  swarm.clock.advance(1)
  await settled()
  swarm.clock.advance(400)
  expect(await step).toMatchObject({
    code: 'deadline-passed',
    definite: false,
    peer: 'node-1',
    range: { start: 2, end: 4 },
  })
})

test('a deadline counts for the oldest step only, and starts anew for the next', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  const waiting: (() => void)[] = []
  swarm.nodes[2]!.runner.before = () => new Promise<void>((resolve) => waiting.push(resolve))
  const steps = Promise.all(Array.from({ length: 4 }, () => session.forward(swarm.rows(1), { want: 'last' })))
  for (let answered = 0; answered < 4; answered += 1) {
    await settled()
    swarm.clock.advance(900)
    waiting[answered]!()
  }
  await expect(steps).resolves.toHaveLength(4)
})

test('a slow route whose stages are alive gets more time, a stuck one not for ever', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  let goOn = (): void => undefined
  swarm.nodes[1]!.runner.before = () => new Promise<void>((resolve) => (goOn = resolve))
  const slow = session.forward(swarm.rows(1), { want: 'last' })
  await swarm.advance(14_000)
  goOn()
  await expect(slow).resolves.toHaveLength(8)

  let error: unknown = null
  void session.forward(swarm.rows(1), { want: 'last' }).catch((reason: unknown) => (error = reason))
  await swarm.advance(14_000)
  expect(error).toBe(null)
  await swarm.advance(1_000)
  expect(error).toMatchObject({
    code: 'deadline-passed',
    definite: false,
    message: expect.stringContaining('all stages answer pings: blocks 0 to 1 at node-0, '),
  })
})

test('an answer that comes while the stages are asked whether they live is taken', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  let goOn = (): void => undefined
  swarm.nodes[2]!.runner.before = () => new Promise<void>((resolve) => (goOn = resolve))
  const step = session.forward(swarm.rows(1), { want: 'last' })
  await settled()
  swarm.network.stop('coordinator', 'node-1')
  swarm.clock.advance(1000)
  await settled()
  goOn()
  await settled()
  swarm.clock.advance(400)
  await expect(step).resolves.toHaveLength(8)
})

test('a stage whose computation fails says so, and the request fails fast', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  swarm.nodes[1]!.runner.before = () => {
    throw new Error('kernel failed')
  }
  await expect(session.forward(swarm.rows(1), { want: 'last' })).rejects.toMatchObject({
    code: 'compute-failed',
    definite: true,
    message: 'blocks 2 to 3 at node-1: kernel failed',
  })
  await settled()
  expect(freeEverywhere(swarm)).toBe(true)
})

test.each([
  [0, 'blocks 0 to 1 at node-0: non-finite hidden states from node-0'],
  [1, 'blocks 2 to 3 at node-1: non-finite hidden states from node-1'],
  [2, 'blocks 4 to 5 at node-2: non-finite hidden states'],
])('numbers that are none, made by stage %i, go no further', async (index, message) => {
  const swarm = createFakeSwarm()
  const { runner } = swarm.nodes[index]!
  const forward = runner.forward.bind(runner)
  runner.forward = async (session, position, hidden) =>
    (await forward(session, position, hidden)).fill(Number.POSITIVE_INFINITY, 3, 4)
  const session = await swarm.open()
  await expect(session.forward(swarm.rows(2), { want: 'all' })).rejects.toMatchObject({
    code: 'bad-frame',
    message,
  })
  await settled()
  expect(freeEverywhere(swarm)).toBe(true)
})

test('cancelling in prefill and in decode stops the computation and frees KV on every stage', async () => {
  for (const phase of ['prefill', 'decode'] as const) {
    const swarm = createFakeSwarm()
    const cancel = new AbortController()
    const session = await swarm.open({ signal: cancel.signal })
    if (phase === 'decode') await session.forward(swarm.rows(5), { want: 'last' })
    const before = swarm.nodes[2]!.runner.computedRows
    swarm.nodes[1]!.runner.before = (_, position) => {
      if (position >= 5) cancel.abort()
    }
    const work =
      phase === 'prefill'
        ? prefill(session, rowsFrom(swarm.rows(200), 8), { chunkRows: 5 })
        : session.forward(swarm.rows(1), { want: 'last' })
    await expect(work).rejects.toMatchObject({ code: 'cancelled' })
    await settled()
    expect(freeEverywhere(swarm), phase).toBe(true)
    expect(swarm.nodes[2]!.runner.computedRows - before, phase).toBeLessThanOrEqual(10)
  }
})

test('the signal of one call ends the wait for it, and the session stays right', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  const local = await swarm.openLocal()
  const cancel = new AbortController()
  const first = swarm.rows(2)
  const waiting = session.forward(first, { want: 'last', signal: cancel.signal })
  cancel.abort()
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
  await local.forward(first, { want: 'none' })
  const second = swarm.rows(1)
  expect(await session.forward(second, { want: 'last' })).toEqual(
    await local.forward(second, { want: 'last' }),
  )
})

test('a coordinator that hangs keeps its sessions for a lease, one that vanishes for a grace', async () => {
  for (const [vanish, freedAfterMs] of [
    ['stop', 30_000],
    ['kill', 10_000],
  ] as const) {
    const swarm = createFakeSwarm()
    const other = await swarm.openFrom('other')
    await swarm.open()
    if (vanish === 'kill') swarm.network.kill('coordinator')
    else for (const { peer } of swarm.nodes) swarm.network.stop('coordinator', peer)
    await settled()
    await swarm.advance(freedAfterMs - 1)
    expect(
      swarm.nodes.map(({ host }) => host.sessions()),
      vanish,
    ).toEqual([2, 2, 2])
    await swarm.advance(1)
    expect(
      swarm.nodes.map(({ host }) => host.sessions()),
      `${vanish}: only its own`,
    ).toEqual([1, 1, 1])
    await other.forward(swarm.rows(1), { want: 'last' })
  }
})

test('a session ends three minutes after its last step, although its coordinator keeps it alive', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  await swarm.advance(170_000)
  await session.forward(swarm.rows(1), { want: 'last' })
  await swarm.advance(170_000)
  await session.forward(swarm.rows(1), { want: 'last' })
  await swarm.advance(185_000)
  expect(freeEverywhere(swarm)).toBe(true)
  await expect(session.forward(swarm.rows(1), { want: 'last' })).rejects.toMatchObject({
    code: 'deadline-passed',
    message: expect.stringContaining('nothing was computed for 180 s') as unknown,
  })
})

test('a stage that forgot the session is reported through the stage before it', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  const { host, runner } = swarm.nodes[1]!
  // As after a lease that ended while the coordinator was away: the stage says nothing by itself.
  const channelHeld = swarm.network
  channelHeld.stop('coordinator', 'node-1')
  await host.setRunners([])
  await host.setRunners([runner])
  const failed = expect(session.forward(swarm.rows(1), { want: 'last' })).rejects.toMatchObject({
    code: 'unknown-session',
    definite: true,
    peer: 'node-1',
  })
  await failed
})
