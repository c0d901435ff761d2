import { createMemoryBudget, ShoalError, silentLogger } from '@shoal/host'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { swarmLimits } from '../limits.ts'
import { createSpanKeeper, type SpanKeeper } from '../placement/span-keeper.ts'
import { createFakeDevice, type FakeDevice, smallConfig } from '../testing/small-model.ts'
import { createSmallSwarm, type SmallPeer, type SmallSwarm } from '../testing/small-swarm.ts'
import type { SwarmEvent } from '../types.ts'

const blocks = { start: 2, end: 4 }
let swarm: SmallSwarm
let client: SmallPeer
let device: FakeDevice
let keeper: SpanKeeper
let events: SwarmEvent[]
const seen = (): readonly [number, number] | null =>
  client.view.status().peers.find(({ peer }) => peer === 'self')?.blocks ?? null

beforeEach(async () => {
  swarm = createSmallSwarm()
  device = createFakeDevice()
  events = []
  const self = await swarm.join('self')
  client = await swarm.join('client', { silent: true })
  keeper = createSpanKeeper(
    {
      clock: swarm.clock,
      logger: silentLogger,
      selfId: 'self',
      membership: self.membership,
      view: self.view,
      stageHost: self.stageHost,
      config: smallConfig,
      device,
      ensureUnits: () => Promise.resolve(),
    },
    { fixed: blocks, memory: createMemoryBudget(2 ** 30), onEvent: (event) => events.push(event) },
  )
})
afterEach(async () => {
  await swarm.finished(keeper.stop())
  expect(device.loaded).toEqual(new Set())
  await swarm.close()
})

test('a lost fixed span is withdrawn from the record, and loaded again later', async () => {
  keeper.start()
  await swarm.finished(keeper.settled)
  await swarm.until(() => seen() !== null, 2000)
  device.before = () => Promise.reject(new ShoalError('peer-vanished', 'a rank is gone'))
  device.lose()
  await swarm.until(() => seen() === null, 2000)
  await swarm.run(swarmLimits.spanRetryMs + 1000)
  expect(seen()).toBeNull()
  device.before = () => undefined
  await swarm.until(() => seen() !== null, swarmLimits.spanRetryMs + 2000)
  expect(keeper.held()).toEqual(blocks)
  expect(events).toEqual([
    { event: 'blocks-changed', blocks: [2, 4] },
    { event: 'blocks-changed', blocks: null },
    { event: 'span-loading-failed', blocks: [2, 4], reason: 'a rank is gone' },
    { event: 'blocks-changed', blocks: [2, 4] },
  ])
})

test('a span whose compute host has ended is loaded again at once, unless the host ends again and again', async () => {
  keeper.start()
  await swarm.finished(keeper.settled)
  await swarm.until(() => seen() !== null, 2000)
  const crash = new ShoalError('not-ready', 'the compute process was ended by SIGSEGV')
  device.lose(crash)
  await swarm.until(() => seen() === null, 2000)
  const problem = (): string | undefined =>
    client.view.status().peers.find(({ peer }) => peer === 'self')?.problem
  expect(problem()).toBe('blocks 2 to 3 are loaded again: the compute process was ended by SIGSEGV')
  await swarm.until(() => seen() !== null, swarmLimits.settleMs + 2000)
  await swarm.until(() => problem() === undefined || problem() === '', 2000)
  device.lose(crash)
  await swarm.until(() => seen() === null, 2000)
  await swarm.run(swarmLimits.spanRetryMs - 2000)
  expect(seen()).toBeNull()
  await swarm.until(() => seen() !== null, 4000)
})
