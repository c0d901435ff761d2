import { ShoalError } from '@shoal/host'
import { expect, test } from 'vitest'
import {
  createFailoverBench,
  finderOf,
  kill,
  leftBehind,
  type FailoverBench,
} from '../testing/fake-failover.ts'
import type { FakeNode } from '../testing/fake-node.ts'
import { createFakeRunner } from '@shoal/runtime/testing'
import { createFakeSwarm, type FakeSwarm } from '../testing/fake-swarm.ts'
import type { RouteFinder, RouteWish } from '../route/types.ts'

interface Lonely extends FailoverBench {
  /** Nodes that come later: the finder sees them. */
  readonly spares: FakeNode[]
}

/** Three stages of two blocks, and nobody who could stand in for one of them yet. */
async function createLonely(
  finder?: (swarm: FakeSwarm, spares: readonly FakeNode[]) => RouteFinder,
): Promise<Lonely> {
  const swarm = createFakeSwarm()
  const spares: FakeNode[] = []
  const session = await swarm.finished(swarm.open({ routes: (finder ?? finderOf)(swarm, spares) }))
  return { swarm, spares, session, local: await swarm.openLocal() }
}

async function compare({ swarm, session, local }: FailoverBench, rows: number): Promise<void> {
  const input = swarm.rows(rows)
  const expected = await local.forward(input, { want: 'all' })
  expect(await swarm.finished(session.forward(input, { want: 'all' }))).toEqual(expected)
}

/** A step that waits for somebody, and what happens meanwhile. */
async function meanwhile(bench: FailoverBench, waitMs: number, act: () => void): Promise<void> {
  const input = bench.swarm.rows(1)
  const expected = await bench.local.forward(input, { want: 'all' })
  const step = bench.session.forward(input, { want: 'all' })
  await bench.swarm.advance(waitMs)
  act()
  expect(await bench.swarm.finished(step)).toEqual(expected)
}

test('whoever loads the blocks later is found, and the stream goes on', async () => {
  const bench = await createLonely()
  await compare(bench, 20)
  kill(bench.swarm, 'node-1')
  await meanwhile(bench, 12_000, () => bench.spares.push(bench.swarm.addNode('late', { start: 1, end: 5 })))
  expect(bench.session.route()[1]).toMatchObject({ peer: 'late', start: 2, end: 4 })
  expect(bench.session.failovers).toBe(1)
  expect(bench.session.continuity).toBe('identical')
  expect(await leftBehind(bench, ['node-1'])).toEqual([])
})

test('a peer that was lost is used again in a later life, and never in the one that was lost', async () => {
  const bench = await createLonely()
  await compare(bench, 20)
  kill(bench.swarm, 'node-1')
  await meanwhile(bench, 2_000, () =>
    bench.spares.push(bench.swarm.addNode('node-1', { start: 2, end: 4 }, { incarnation: 2 })),
  )
  expect(bench.session.route()[1]).toMatchObject({ peer: 'node-1' })
  // Its second life is one like any other: it may end too.
  kill(bench.swarm, 'node-1')
  await meanwhile(bench, 2_000, () =>
    bench.spares.splice(0, 1, bench.swarm.addNode('node-1', { start: 2, end: 4 }, { incarnation: 3 })),
  )
  expect(bench.session.failovers).toBe(2)
  expect(await leftBehind(bench, ['node-1'])).toEqual([])
  expect(bench.spares.map(({ host }) => host.sessions())).toEqual([0])
})

test('a broken link that heals: the stage behind it comes back with all it has', async () => {
  const bench = await createLonely()
  await compare(bench, 20)
  const { runner } = bench.swarm.nodes[1]!
  const computed = runner.computedRows
  bench.swarm.network.cut('node-0', 'node-1')
  await meanwhile(bench, 5_000, () => bench.swarm.network.heal('node-0', 'node-1'))
  await compare(bench, 1)
  expect(runner.computedRows - computed).toBe(2)
  expect(bench.session.route().map(({ peer }) => peer)).toEqual(['node-0', 'node-1', 'node-2'])
  expect(await leftBehind(bench, [])).toEqual([])
})

test('a peer that comes back with another cut begins anew there', async () => {
  const wishes: RouteWish[] = []
  const bench = await createLonely((swarm, spares) => ({
    async find(range, _, wish) {
      wishes.push(wish)
      if (wish.lost.size > 0) throw new ShoalError('no-route', 'nobody else')
      const [first, second] = [swarm.nodes[1]!.stage, spares[0]!.stage]
      return [
        { ...first, range: { start: range.start, end: 3 } },
        { ...second, range: { start: 3, end: range.end } },
      ]
    },
  }))
  await compare(bench, 20)
  bench.spares.push(bench.swarm.addNode('right', { start: 3, end: 4 }))
  bench.swarm.network.cut('node-0', 'node-1')
  await meanwhile(bench, 300, () => bench.swarm.network.heal('node-0', 'node-1'))
  expect(bench.session.route().map(({ peer, start, end }) => `${peer} ${start}:${end}`)).toEqual([
    'node-0 0:2',
    'node-1 2:3',
    'right 3:4',
    'node-2 4:6',
  ])
  expect(wishes[0]).toEqual({
    lost: new Map([['node-1', 1]]),
    classes: new Map([0, 1, 2, 3, 4, 5].map((block) => [block, 'fake'])),
  })
  expect(await leftBehind(bench, [])).toEqual([])
})

test('one without room is asked again after a while', async () => {
  const bench = await createLonely()
  await compare(bench, 5)
  const spare = bench.swarm.addNode('spare', { start: 2, end: 4 })
  spare.host.setDraining(true)
  bench.spares.push(spare)
  kill(bench.swarm, 'node-1')
  await meanwhile(bench, 6_000, () => spare.host.setDraining(false))
  expect(await leftBehind(bench, ['node-1'])).toEqual([])
})

test('waiting ends with the session', async () => {
  const bench = await createLonely()
  await compare(bench, 5)
  kill(bench.swarm, 'node-2')
  const step = bench.session.forward(bench.swarm.rows(1), { want: 'last' }).catch((error: unknown) => error)
  await bench.swarm.advance(3_000)
  await bench.session.close()
  expect(await step).toMatchObject({ code: 'cancelled' })
  expect(await leftBehind(bench, ['node-2'])).toEqual([])
})

test('a peer that is only slow is asked again with patience, when nobody can stand in for it', async () => {
  const bench = await createLonely()
  await compare(bench, 10)
  // A step takes longer than its deadline, a ping longer than a ping may take before a peer is called hung.
  for (const [other, latencyMs] of [
    ['coordinator', 600],
    ['node-0', 800],
    ['node-2', 800],
  ] as const)
    bench.swarm.network.setLatency(other, 'node-1', latencyMs)
  await compare(bench, 1)
  expect(bench.session.failovers).toBeGreaterThanOrEqual(1)
  expect(bench.session.route().map(({ peer }) => peer)).toEqual(['node-0', 'node-1', 'node-2'])
  await bench.session.close()
  await bench.swarm.advance(2_000)
  expect(await leftBehind(bench, [])).toEqual([])
})

/** A runner that lost what it computes with, as a group without one of its ranks: its sessions fail, new ones are refused. */
function breakRunner({ runner }: FakeNode): { readonly mend: () => void } {
  const open = runner.open.bind(runner)
  let broken = true
  const refuse = (): void => {
    if (broken) throw new ShoalError('not-ready', 'a rank is lost')
  }
  runner.before = refuse
  runner.open = async (...words) => {
    refuse()
    return open(...words)
  }
  return { mend: () => void (broken = false) }
}

test('a stage that lives and can compute no more is waited for like one that is gone, and another one takes over', async () => {
  const bench = await createLonely()
  await compare(bench, 20)
  breakRunner(bench.swarm.nodes[1]!)
  await meanwhile(bench, 12_000, () => bench.spares.push(bench.swarm.addNode('late', { start: 2, end: 4 })))
  expect(bench.session.route().map(({ peer }) => peer)).toEqual(['node-0', 'late', 'node-2'])
  expect(bench.session.failovers).toBe(1)
  expect(await leftBehind(bench, [])).toEqual([])
})

test('or itself, once it can again: it begins anew', async () => {
  const bench = await createLonely()
  await compare(bench, 20)
  const { mend } = breakRunner(bench.swarm.nodes[1]!)
  await meanwhile(bench, 12_000, mend)
  expect(bench.session.route().map(({ peer }) => peer)).toEqual(['node-0', 'node-1', 'node-2'])
  expect(bench.swarm.nodes[1]!.runner.computedRows).toBe(41)
  expect(await leftBehind(bench, [])).toEqual([])
})

test('a stage that answers pings but never its step is replaced, when the other stages were suspected in vain', async () => {
  const bench = await createFailoverBench([0, 2, 4, 6])
  await compare(bench, 20)
  const { runner, peer } = bench.swarm.nodes[2]!
  runner.before = () => new Promise<void>(() => undefined)
  const input = bench.swarm.rows(1)
  const expected = await bench.local.forward(input, { want: 'all' })
  const step = bench.session.forward(input, { want: 'all' })
  await bench.swarm.advance(60_000)
  expect(await bench.swarm.finished(step)).toEqual(expected)
  expect(bench.session.route().map((stage) => stage.peer)).not.toContain(peer)
  expect(bench.session.failovers).toBeLessThanOrEqual(3)
  expect(bench.session.continuity).toBe('identical')
})

/** One node of two spans whose memory holds either: sessions fit into the second one when the first one has none. */
function secondSpan(node: FakeNode, range: FakeNode['stage']['range']): FakeNode {
  const runner = createFakeRunner(range, 8)
  const open = runner.open.bind(runner)
  runner.open = async (...args) => {
    if (node.runner.memory().sessions > 0)
      throw new ShoalError('no-capacity', 'the former span fills the memory')
    return open(...args)
  }
  return { ...node, runner, stage: { ...node.stage, range } }
}

test.each([
  [
    'waits for the blocks that its leaving stage is to serve, without room for both: the stage is given up',
    2,
  ],
  ['waits, and nobody else serves the blocks of its leaving stage: the stage is kept', 1],
])('a session %s', async (_, copies) => {
  const swarm = createFakeSwarm({ cuts: [0, 3, 6] })
  const [mover, lost] = swarm.nodes
  const other = swarm.addNode('other', { start: 0, end: 3 })
  let serving: FakeNode[] = [mover!, lost!]
  const routes: RouteFinder = {
    find: (...args) => finderOf({ ...swarm, nodes: [] }, serving).find(...args),
  }
  const session = await swarm.finished(swarm.open({ routes }))
  const bench: Lonely = { swarm, spares: [], session, local: await swarm.openLocal() }
  await compare(bench, 20)
  kill(swarm, lost!.peer)
  const second = secondSpan(mover!, { start: 3, end: 6 })
  const input = swarm.rows(1)
  const expected = await bench.local.forward(input, { want: 'all' })
  const step = session.forward(input, { want: 'all' })
  await swarm.advance(500)
  await mover!.host.setRunners([mover!.runner, second.runner])
  mover!.host.setLeaving(mover!.runner, true)
  serving = copies === 2 ? [second, other] : [second]
  await swarm.advance(5_000)
  if (copies === 2) {
    expect(await step).toEqual(expected)
    expect(session.route().map(({ peer, start }) => [peer, start])).toEqual([
      ['other', 0],
      [mover!.peer, 3],
    ])
  } else {
    expect(mover!.host.sessions(mover!.runner)).toBe(1)
    serving = [swarm.addNode('third', { start: 3, end: 6 }), other]
    expect(await swarm.finished(step)).toEqual(expected)
  }
  await session.close()
  await swarm.advance(100)
  expect([mover!, other].map(({ host }) => host.sessions())).toEqual([0, 0])
})
