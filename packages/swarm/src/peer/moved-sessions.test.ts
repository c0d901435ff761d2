import { silentLogger, createMemoryBudget } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import type { HiddenSession } from '@shoal/session'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { swarmLimits } from '../limits.ts'
import { createSpanKeeper, type SpanKeeper } from '../placement/span-keeper.ts'
import { createFakeDevice, type FakeDevice, smallConfig } from '../testing/small-model.ts'
import { createSmallSwarm, type SmallPeer, type SmallSwarm } from '../testing/small-swarm.ts'

let swarm: SmallSwarm
let self: SmallPeer
let other: SmallPeer
let client: SmallPeer
let device: FakeDevice
let keeper: SpanKeeper
let session: HiddenSession

const span = (start: number, end: number): BlockRange => ({ start, end })
const moveMs = swarmLimits.releaseQuietMs + 2000

/** `self` serves blocks 0:2 to a session of the client, `other` holds the whole model, and the plan then wants 2:4 of `self`. */
async function planned(memoryBytes: number): Promise<void> {
  let wanted = span(0, 2)
  const plan = (): ReturnType<SmallPeer['view']['plan']> => ({
    ...self.view.plan(),
    placements: [
      { peer: 'other', start: 0, end: 6 },
      { peer: 'self', ...wanted },
    ],
  })
  keeper = createSpanKeeper(
    {
      clock: swarm.clock,
      logger: silentLogger,
      selfId: 'self',
      membership: self.membership,
      view: {
        costs: self.view.costs,
        permille: self.view.permille,
        coverage: (except) => self.view.coverage(except),
        plan,
      },
      stageHost: self.stageHost,
      config: smallConfig,
      device,
      ensureUnits: () => Promise.resolve(),
    },
    { fixed: null, memory: createMemoryBudget(memoryBytes), onEvent: () => undefined },
  )
  keeper.start()
  await swarm.until(() => client.view.coverage('other')[0] === 1, 5000)
  session = await swarm.finished(swarm.open(client, self, span(0, 2), { movable: true }))
  expect([...(await swarm.finished(session.forward(new Float32Array(4), { want: 'all' })))]).toEqual([
    2, 2, 2, 2,
  ])
  wanted = span(2, 4)
  await self.membership.announce({ version: 'another plan' })
}

beforeEach(async () => {
  swarm = createSmallSwarm()
  device = createFakeDevice()
  other = await swarm.join('other')
  self = await swarm.join('self')
  client = await swarm.join('client', { silent: true })
  await other.stageHost.setRunners([
    await createFakeDevice().loadBlocks(span(0, 6), { memory: createMemoryBudget(2 ** 30) }),
  ])
  await other.serve(0, 6)
  await swarm.until(() => client.view.status().peers.every(({ liveness }) => liveness === 'alive'), 5000)
})
afterEach(async () => {
  await swarm.finished(session.close())
  await swarm.finished(keeper.stop())
  await swarm.close()
})

test.each([
  ['both spans fit', 2 ** 30],
  ['the old span must be freed first', 'one' as const],
])(
  'when a span is given up during a session and %s, the session moves to another holder and delays nothing',
  async (_, memory) => {
    await planned(memory === 'one' ? 3 * self.view.costs.blockBytes : memory)
    await swarm.until(() => keeper.held()?.start === 2 && !device.loaded.has('0:2'), moveMs)
    expect(session).toMatchObject({ moves: 1, failovers: 0, continuity: 'identical', length: 1 })
    expect(session.route()).toMatchObject([{ peer: 'other', start: 0, end: 2 }])
    expect([...(await swarm.finished(session.forward(new Float32Array(4), { want: 'all' })))]).toEqual([
      2, 2, 2, 2,
    ])
    expect([self.stageHost.sessions(), other.stageHost.sessions()]).toEqual([0, 1])
  },
)
