import { createVirtualClock, ShoalError, orAborted } from '@shoal/host'
import { expect, test } from 'vitest'
import { settled } from '@shoal/host/testing'
import { createFakeSwarm, freeEverywhere, type FakeSwarm } from '../../testing/fake-swarm.ts'
import { sessionTimes } from '../../route/limits.ts'
import { requestsFor } from './open-requests.ts'
import { createOpening, type Opening } from './opening-stages.ts'
import type { RouteSessionOptions } from '../route-session-options.ts'
import type { RouteStage } from '../../route/types.ts'

const stagesOf = (swarm: FakeSwarm): RouteStage[] => swarm.nodes.map(({ stage }) => stage)
const withStage = (swarm: FakeSwarm, index: number, change: Partial<RouteStage>): RouteStage[] =>
  stagesOf(swarm).with(index, { ...stagesOf(swarm)[index]!, ...change })

const refusals: readonly [
  string,
  (swarm: FakeSwarm) => Partial<RouteSessionOptions>,
  Record<string, unknown>,
][] = [
  [
    'another manifest',
    () => ({ manifestId: 'b'.repeat(64) }),
    {
      code: 'wrong-manifest',
      peer: 'node-0',
      message: `blocks 0 to 1 at node-0: the session is of manifest ${'b'.repeat(64)} (f32), this node serves ${'a'.repeat(64)} (f32)`,
    },
  ],
  [
    'another profile',
    () => ({ profile: 'int4:32' }),
    {
      code: 'wrong-profile',
      message: "blocks 0 to 1 at node-0: the session's numeric profile is int4:32, this node's is f32",
    },
  ],
  [
    'a range that is not held',
    (swarm) => ({ route: withStage(withStageRange(swarm), 1, {}).slice(0, 3) }),
    {
      code: 'wrong-range',
      peer: 'node-2',
      range: { start: 3, end: 6 },
      message: 'blocks 3 to 5 at node-2: the session wants blocks 3 to 5, this node holds blocks 4 to 5',
    },
  ],
  [
    'a dead incarnation',
    (swarm) => ({ route: withStage(swarm, 1, { incarnation: 7 }) }),
    {
      code: 'not-ready',
      peer: 'node-1',
      message: 'blocks 2 to 3 at node-1: the route names its incarnation 7, but incarnation 1 answered',
    },
  ],
  [
    'more memory than there is',
    () => ({ tokenBudget: 100_000 }),
    {
      code: 'no-capacity',
      definite: true,
      message: expect.stringContaining('journals would need 4 MiB, the limit is 1 MiB'),
    },
  ],
  [
    'a gap in the route',
    (swarm) => ({ route: stagesOf(swarm).toSpliced(1, 1) }),
    { code: 'no-route', message: 'the route reaches block 2, but its next stage is blocks 4 to 5 at node-2' },
  ],
  [
    'a route that ends early',
    (swarm) => ({ route: stagesOf(swarm).slice(0, 2) }),
    { code: 'no-route', message: 'the route ends at block 4, the session needs blocks 0 to 5' },
  ],
  ['no stages', () => ({ route: [] }), { code: 'no-route' }],
  [
    'a peer that nobody knows',
    (swarm) => ({ route: withStage(swarm, 0, { peer: 'nobody' }) }),
    { code: 'peer-vanished', peer: 'nobody', definite: false },
  ],
]

/** The second node's stage cut in two, the second half at a third node: the route is whole, and the second node's half is part of its span, but the third holds one block too few. */
function withStageRange(swarm: FakeSwarm): FakeSwarm {
  const nodes = [
    swarm.nodes[0]!,
    ...[swarm.nodes[1]!, swarm.nodes[2]!].map((node, index) => ({
      ...node,
      stage: { ...node.stage, range: index === 0 ? { start: 2, end: 3 } : { start: 3, end: 6 } },
    })),
  ]
  return { ...swarm, nodes }
}

test.each(refusals)('%s is refused with a sentence, and nothing stays open', async (_, changes, expected) => {
  const swarm = createFakeSwarm({ limitBytes: 2 ** 20 })
  await expect(swarm.open(changes(swarm))).rejects.toMatchObject(expected)
  await settled()
  expect(freeEverywhere(swarm)).toBe(true)
})

test('a stage that vanishes while it is being reached is named, whoever notices first', async () => {
  const { stage } = createFakeSwarm().nodes[0]!
  const options = {
    session: 'a'.repeat(32),
    manifestId: 'b'.repeat(64),
    profile: 'f32',
    hiddenSize: 8,
    range: stage.range,
    route: [stage],
    tokenBudget: 8,
  }
  const links = {
    join: () => undefined,
    leave: () => undefined,
    connect() {
      // The channel ends before its opener has had its turn.
      opening.lost(stage.peer, new Error('killed'))
      return Promise.reject(new ShoalError('peer-vanished', 'the session channel has ended'))
    },
    close: () => Promise.resolve(),
  }
  const opening: Opening = createOpening(
    { clock: createVirtualClock(), links, times: sessionTimes, othersServe: () => Promise.resolve(false) },
    requestsFor(options, 'self', [], 0, new Set()),
  )
  await expect(opening.run(new AbortController().signal)).rejects.toMatchObject({
    name: 'StageError',
    peer: stage.peer,
    code: 'peer-vanished',
  })
})

test('bytes that are no message, heard of while a session opens, are blamed on their sender', async () => {
  const route = createFakeSwarm().nodes.map(({ stage }) => stage)
  const options = {
    session: 'a'.repeat(32),
    manifestId: 'b'.repeat(64),
    profile: 'f32',
    hiddenSize: 8,
    range: { start: 0, end: 6 },
    route,
    tokenBudget: 8,
  }
  const links = {
    join: () => undefined,
    leave: () => undefined,
    connect: (_peer: string, _addresses: readonly string[], signal: AbortSignal) =>
      orAborted(new Promise<never>(() => undefined), signal),
    close: () => Promise.resolve(),
  }
  const opening = createOpening(
    { clock: createVirtualClock(), links, times: sessionTimes, othersServe: () => Promise.resolve(false) },
    requestsFor(options, 'self', [], 0, new Set()),
  )
  const run = opening.run(new AbortController().signal)
  opening.receive('node-2', {
    type: 'failed',
    session: options.session,
    start: 4,
    epoch: 0,
    step: null,
    code: 'bad-frame',
    message: 'node-1 sent an undecodable frame',
    definite: true,
  })
  expect(opening.failure).toMatchObject({ peer: 'node-1', code: 'bad-frame' })
  await expect(run).rejects.toMatchObject({ peer: 'node-1' })
})

test('a draining node finishes its sessions and takes no new ones', async () => {
  const swarm = createFakeSwarm()
  const { host, runner } = swarm.nodes[1]!
  const session = await swarm.open()
  host.setDraining(true)
  await expect(swarm.open()).rejects.toMatchObject({ code: 'not-ready', definite: true, peer: 'node-1' })
  await session.forward(swarm.rows(3), { want: 'last' })
  let idle = false
  const whenIdle = host.whenIdle(new AbortController().signal, runner).then(() => (idle = true))
  await settled()
  expect(idle).toBe(false)
  await session.close()
  await whenIdle
  host.setDraining(false)
  await (await swarm.open()).close()
})

test('a span that is taken away fails its sessions at once, definitely', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  await swarm.nodes[2]!.host.setRunners([])
  await settled()
  await expect(session.forward(swarm.rows(1), { want: 'last' })).rejects.toMatchObject({
    code: 'not-ready',
    definite: true,
    peer: 'node-2',
  })
  await expect(swarm.open()).rejects.toMatchObject({
    code: 'wrong-range',
    message: expect.stringContaining('this node holds no blocks'),
  })
  await settled()
  expect(freeEverywhere(swarm)).toBe(true)
})

test('a next hop that cannot be reached is found when the session opens, not at the first token', async () => {
  const swarm = createFakeSwarm()
  swarm.network.cut('node-0', 'node-1')
  await expect(swarm.open()).rejects.toMatchObject({
    code: 'peer-vanished',
    peer: 'node-1',
    message: expect.stringContaining('node-0 cannot reach the next stage'),
  })
  await settled()
  expect(freeEverywhere(swarm)).toBe(true)
})

test('a stage that never answers open is named when the time is over', async () => {
  const swarm = createFakeSwarm()
  const warm = await swarm.open()
  await warm.close()
  swarm.network.stop('coordinator', 'node-2')
  const opening = swarm.open()
  const failed = expect(opening).rejects.toMatchObject({
    code: 'deadline-passed',
    peer: 'node-2',
    definite: false,
  })
  await settled()
  swarm.clock.advance(15_000)
  await failed
  await settled()
  expect(swarm.nodes.slice(0, 2).map(({ host }) => host.sessions())).toEqual([0, 0])
})

test('cancelling while it opens frees what was opened', async () => {
  const swarm = createFakeSwarm()
  swarm.network.stop('coordinator', 'node-2')
  const cancel = new AbortController()
  const failed = expect(swarm.open({ signal: cancel.signal })).rejects.toMatchObject({ code: 'cancelled' })
  await settled()
  expect(swarm.nodes[0]!.host.sessions()).toBe(1)
  cancel.abort()
  await failed
  await settled()
  expect(freeEverywhere(swarm)).toBe(true)
})

test('a session closed while a stage is still making room is freed there too', async () => {
  const swarm = createFakeSwarm()
  const { runner } = swarm.nodes[1]!
  const open = runner.open.bind(runner)
  let goOn = (): void => undefined
  runner.open = async (session, tokenBudget) => {
    await new Promise<void>((resolve) => {
      goOn = resolve
    })
    await open(session, tokenBudget)
  }
  const cancel = new AbortController()
  const failed = expect(swarm.open({ signal: cancel.signal })).rejects.toMatchObject({ code: 'cancelled' })
  await settled()
  cancel.abort()
  await failed
  await settled()
  goOn()
  await settled()
  expect(freeEverywhere(swarm)).toBe(true)
})

test('one peer may not hold more sessions than the limit', async () => {
  const swarm = createFakeSwarm()
  const sessions = await Promise.all(Array.from({ length: 64 }, () => swarm.open({ tokenBudget: 4 })))
  await expect(swarm.open({ tokenBudget: 4 })).rejects.toMatchObject({
    code: 'no-capacity',
    message: expect.stringContaining('the limit is 64'),
  })
  await sessions[0]!.close()
  await settled()
  await swarm.open({ tokenBudget: 4 })
})
