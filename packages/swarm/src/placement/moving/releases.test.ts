import { createMemoryBudget, ShoalError, silentLogger } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { swarmLimits } from '../../limits.ts'
import { createSpanKeeper, type SpanKeeper } from '../span-keeper.ts'
import { createFakeDevice, type FakeDevice, smallConfig } from '../../testing/small-model.ts'
import { createSmallSwarm, type SmallPeer, type SmallSwarm } from '../../testing/small-swarm.ts'

let swarm: SmallSwarm
let self: SmallPeer
let other: SmallPeer
let client: SmallPeer
let device: FakeDevice
let keeper: SpanKeeper
let fetching: (units: readonly string[]) => Promise<void>
/** The planned span of each node. */
let plans: Record<string, BlockRange>

const span = (start: number, end: number): BlockRange => ({ start, end })
const seen = (): readonly [number, number] | null =>
  client.view.status().peers.find(({ peer }) => peer === 'self')?.blocks ?? null
/** A move that gives blocks up is made within this time: it waits until nothing changes any more. */
const moveMs = swarmLimits.releaseQuietMs + 2000

function keeperOf(peer: SmallPeer, itsDevice: FakeDevice, memoryBytes = 2 ** 30): SpanKeeper {
  const plan = (): ReturnType<SmallPeer['view']['plan']> => ({
    ...peer.view.plan(),
    placements: Object.entries(plans).map(([name, range]) => ({ peer: name, ...range })),
  })
  return createSpanKeeper(
    {
      clock: swarm.clock,
      logger: silentLogger,
      selfId: peer.name,
      membership: peer.membership,
      view: {
        costs: peer.view.costs,
        permille: peer.view.permille,
        coverage: (except) => peer.view.coverage(except),
        plan,
      },
      stageHost: peer.stageHost,
      config: smallConfig,
      device: itsDevice,
      ensureUnits: (units) => fetching(units),
    },
    { fixed: null, memory: createMemoryBudget(memoryBytes), onEvent: () => undefined },
  )
}
/** Changes the plan, and a record, so that the nodes look at the plan. */
async function planned(changes: Record<string, BlockRange>): Promise<void> {
  plans = { ...plans, ...changes }
  await self.membership.announce({ version: `plan ${JSON.stringify(plans)}` })
}
async function serving(range: BlockRange, memoryBytes?: number): Promise<void> {
  plans['self'] = range
  keeper = keeperOf(self, device, memoryBytes)
  keeper.start()
  await swarm.until(() => seen() !== null, 4000)
}

beforeEach(async () => {
  swarm = createSmallSwarm()
  device = createFakeDevice()
  plans = {}
  fetching = () => Promise.resolve()
  other = await swarm.join('other')
  self = await swarm.join('self')
  client = await swarm.join('client', { silent: true })
  await swarm.until(() => client.view.status().peers.every(({ liveness }) => liveness === 'alive'), 5000)
})
afterEach(async () => {
  await swarm.finished(keeper.stop())
  expect(device.loaded).toEqual(new Set())
  await swarm.close()
})

describe('giving blocks up', () => {
  test('waits while the other holder is to give them up too, and releases what it has loaded when that changes meanwhile', async () => {
    plans['other'] = span(2, 4)
    await other.serve(0, 2)
    await serving(span(0, 2))
    await planned({ self: span(2, 4) })
    await swarm.run(5000)
    expect(device.loads).toEqual(['0:2'])
    await planned({ self: span(3, 5), other: span(0, 2) })
    await swarm.until(() => device.loads.includes('3:5'), 2000)
    await planned({ other: span(2, 4) })
    await swarm.run(swarmLimits.releaseTimeoutMs + 2000)
    expect(seen()).toEqual([0, 2])
    expect(device.loaded).toEqual(new Set(['0:2']))
  })

  test('waits until the swarm is quiet', async () => {
    plans['other'] = span(0, 6)
    await other.serve(0, 6)
    await serving(span(0, 2))
    await planned({ self: span(2, 4) })
    for (let change = 0; change < 3; change += 1) {
      await swarm.run(swarmLimits.releaseQuietMs - 1000)
      plans['other'] = span(0, 5 + (change % 2))
      await other.serve(0, 5 + (change % 2))
    }
    expect(seen()).toEqual([0, 2])
    await swarm.until(() => seen()?.[0] === 2, moveMs)
  })

  test('comes before loading when the reservations of running sessions leave no room for both spans', async () => {
    plans['other'] = span(0, 6)
    await other.serve(0, 6)
    await serving(span(0, 2), 4 * self.view.costs.blockBytes)
    const session = await swarm.finished(swarm.open(client, self, span(0, 2)))
    await planned({ self: span(2, 4) })
    await swarm.until(() => seen() === null, moveMs)
    await session.close()
    await swarm.until(() => seen()?.[0] === 2, moveMs)
    expect(device.loads).toEqual(['0:2', '2:4'])
  })

  test('waits for the weights of the new span', async () => {
    plans['other'] = span(0, 6)
    await other.serve(0, 6)
    const gate = Promise.withResolvers<void>()
    fetching = (units) => (units.includes('block-2') ? gate.promise : Promise.resolve())
    await serving(span(0, 2), 3 * self.view.costs.blockBytes)
    await planned({ self: span(2, 4) })
    await swarm.run(moveMs + 5000)
    expect(seen()).toEqual([0, 2])
    gate.reject(new ShoalError('not-found', 'nobody has block 2'))
    await swarm.run(5000)
    expect(seen()).toEqual([0, 2])
    expect(device.loads).toEqual(['0:2'])
  })

  test('leaves every block with a holder when two nodes are to give up the same blocks at once', async () => {
    const twin = await swarm.join('twin')
    plans = { self: span(0, 2), twin: span(0, 2), other: span(2, 6) }
    keeper = keeperOf(self, device)
    const keepers = [keeper, keeperOf(twin, createFakeDevice())]
    const uncovered: number[] = []
    await other.serve(2, 6)
    for (const each of keepers) each.start()
    await swarm.until(() => client.view.status().covered, 5000)
    client.membership.onChange(() =>
      uncovered.push(...client.view.coverage().flatMap((holders, block) => (holders === 0 ? [block] : []))),
    )
    // Blocks 0 and 1 have no keeper until `other` holds them.
    await planned({ self: span(2, 4), twin: span(4, 6), other: span(0, 6) })
    await swarm.run(moveMs)
    expect(keepers.map((each) => each.held())).toEqual([span(0, 2), span(0, 2)])
    await other.serve(0, 6)
    await swarm.until(() => keepers.every((each) => each.held()?.start !== 0), moveMs)
    expect(uncovered).toEqual([])
    await swarm.finished(keepers[1]!.stop())
  })
})
