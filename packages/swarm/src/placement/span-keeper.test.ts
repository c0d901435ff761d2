import { createMemoryBudget, onAbort, ShoalError, silentLogger } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { swarmLimits } from '../limits.ts'
import { createSpanKeeper, type SpanKeeper } from './span-keeper.ts'
import { createFakeDevice, type FakeDevice } from '../testing/small-model.ts'
import { createSmallSwarm, type SmallPeer, type SmallSwarm } from '../testing/small-swarm.ts'
import type { SwarmEvent } from '../types.ts'

let swarm: SmallSwarm
let self: SmallPeer
let other: SmallPeer
let client: SmallPeer
let device: FakeDevice
let keeper: SpanKeeper
let events: SwarmEvent[]
let wanted: BlockRange | null
/** What the client's view said of every block, at every change. */
let uncovered: number[]

const span = (start: number, end: number): BlockRange => ({ start, end })
const seen = (): readonly [number, number] | null =>
  client.view.status().peers.find(({ peer }) => peer === 'self')?.blocks ?? null

/** What the plan says of others: that they keep what they hold. */
const keeping = (): { peer: string; start: number; end: number }[] =>
  self.membership
    .members()
    .flatMap(({ record }) =>
      record.peerId === 'self' || record.span === null ? [] : [{ peer: record.peerId, ...record.span }],
    )

function makeKeeper(
  options: {
    fixed?: BlockRange
    memoryBytes?: number
    ensureUnits?: (units: readonly string[], signal: AbortSignal) => Promise<void>
  } = {},
): SpanKeeper {
  const plan = (): ReturnType<SmallPeer['view']['plan']> => ({
    ...self.view.plan(),
    placements: [...keeping(), ...(wanted === null ? [] : [{ peer: 'self', ...wanted }])],
  })
  keeper = createSpanKeeper(
    {
      clock: swarm.clock,
      logger: silentLogger,
      selfId: 'self',
      membership: self.membership,
      view: { ...self.view, plan },
      stageHost: self.stageHost,
      device,
      ensureUnits: options.ensureUnits ?? (() => Promise.resolve()),
    },
    {
      fixed: options.fixed ?? null,
      memory: createMemoryBudget(options.memoryBytes ?? 2 ** 30),
      onEvent: (event) => events.push(event),
    },
  )
  return keeper
}
/** Another plan, and a change that makes the node look at it. */
async function want(range: BlockRange | null): Promise<void> {
  wanted = range
  await self.membership.announce({ version: `plan ${range?.start}` })
}
async function serving(range: BlockRange): Promise<void> {
  wanted = range
  makeKeeper().start()
  await swarm.until(() => keeper.held() !== null, 2000)
  await swarm.until(() => seen() !== null, 2000)
}
/** Within this a move that gives something up is made: it waits until nothing changes any more. */
const moveMs = swarmLimits.releaseQuietMs + 2000
/** Long enough that no window holds a move back. */
const afterTheWindow = (): Promise<void> => swarm.run(swarmLimits.moveWindowMs)

beforeEach(async () => {
  swarm = createSmallSwarm()
  device = createFakeDevice()
  events = []
  wanted = null
  uncovered = []
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

describe('what a node holds', () => {
  test('loads, serves and announces its first span; then it has settled', async () => {
    await serving(span(0, 2))
    await keeper.settled
    expect(seen()).toEqual([0, 2])
    expect(events).toEqual([{ event: 'blocks-changed', blocks: [0, 2] }])
  })

  test('has settled when the plan needs nothing of it', async () => {
    makeKeeper().start()
    await swarm.finished(keeper.settled)
    expect(keeper.held()).toBeNull()
  })

  test('make before break: a running session ends where it began, then the old span is freed', async () => {
    await other.serve(0, 6)
    await serving(span(0, 2))
    const session = await swarm.finished(swarm.open(client, self, span(0, 2)))
    await want(span(2, 4))
    client.membership.onChange(() =>
      uncovered.push(...client.view.coverage().flatMap((holders, block) => (holders === 0 ? [block] : []))),
    )
    await swarm.until(() => seen()?.[0] === 2, moveMs)
    expect(device.loaded).toEqual(new Set(['0:2', '2:4']))
    const output = await swarm.finished(session.forward(new Float32Array(4), { want: 'all' }))
    expect([...output]).toEqual([2, 2, 2, 2])
    await session.close()
    await swarm.until(() => !device.loaded.has('0:2'), 2000)
    expect(keeper.held()).toEqual(span(2, 4))
    expect(uncovered).toEqual([])
  })

  test('swaps when both do not fit: lets go first, once its sessions have ended', async () => {
    await other.serve(0, 6)
    wanted = span(0, 2)
    makeKeeper({ memoryBytes: 3 * self.view.costs.blockBytes }).start()
    await swarm.until(() => seen() !== null, 2000)
    const session = await swarm.finished(swarm.open(client, self, span(0, 2)))
    await want(span(2, 4))
    await swarm.until(() => seen() === null, moveMs)
    await swarm.run(1000)
    expect(device.loaded).toEqual(new Set(['0:2']))
    await session.close()
    await swarm.until(() => seen()?.[0] === 2, moveMs)
    expect(device.loaded).toEqual(new Set(['2:4']))
    expect(events).toEqual([
      { event: 'blocks-changed', blocks: [0, 2] },
      { event: 'blocks-changed', blocks: null },
      { event: 'blocks-changed', blocks: [2, 4] },
    ])
  })

  test('a swap that a session holds up for too long is given up: the span is announced again', async () => {
    await other.serve(0, 6)
    wanted = span(0, 2)
    makeKeeper({ memoryBytes: 3 * self.view.costs.blockBytes }).start()
    await swarm.until(() => seen() !== null, 2000)
    const session = await swarm.finished(swarm.open(client, self, span(0, 2)))
    await want(span(2, 4))
    await swarm.until(() => seen() === null, moveMs)
    const waitedMs = await swarm.until(() => seen()?.[0] === 0, swarmLimits.drainTimeoutMs + 1000)
    expect(waitedMs).toBeGreaterThan(swarmLimits.drainTimeoutMs - 1000)
    expect([...(await swarm.finished(session.forward(new Float32Array(4), { want: 'all' })))]).toEqual([
      2, 2, 2, 2,
    ])
    await session.close()
  })

  test('a swap does not wait for sessions once nobody serves some block: they could not go on before it', async () => {
    await other.serve(0, 6)
    wanted = span(0, 2)
    makeKeeper({ memoryBytes: 3 * self.view.costs.blockBytes }).start()
    await swarm.until(() => seen() !== null, 2000)
    const session = await swarm.finished(swarm.open(client, self, span(0, 2)))
    await want(span(2, 4))
    await swarm.until(() => seen() === null, moveMs)
    await swarm.run(1000)
    expect(device.loaded).toEqual(new Set(['0:2']))
    await other.serve(0, 2)
    const waitedMs = await swarm.until(() => seen()?.[0] === 2, moveMs)
    expect(waitedMs).toBeLessThan(1000)
    await expect(swarm.finished(session.forward(new Float32Array(4), { want: 'all' }))).rejects.toMatchObject(
      { code: 'not-ready' },
    )
  })

  test('never uncovers: the only holder stays until another one has announced the block', async () => {
    await serving(span(0, 2))
    await want(span(2, 4))
    await swarm.run(5000)
    expect(seen()).toEqual([0, 2])
    await other.serve(0, 2)
    await swarm.until(() => seen()?.[0] === 2, moveMs)
  })
})

describe('when a node moves', () => {
  test('once in a window, and again when it has passed', async () => {
    await other.serve(0, 6)
    await serving(span(0, 2))
    await want(span(2, 4))
    await swarm.until(() => seen()?.[0] === 2, moveMs)
    await want(span(4, 6))
    const waitedMs = await swarm.until(() => seen()?.[0] === 4, swarmLimits.moveWindowMs + moveMs)
    // The window begins when a move is decided.
    expect(waitedMs).toBeGreaterThan(swarmLimits.moveWindowMs - moveMs)
  })

  test('a window does not hold back a block that nobody serves any more', async () => {
    await other.serve(0, 6)
    await serving(span(0, 2))
    await want(span(2, 4))
    await swarm.until(() => seen()?.[0] === 2, moveMs)
    // The window's own timer is running now.
    await want(span(4, 6))
    await swarm.run(1000)
    expect(seen()).toEqual([2, 4])
    await other.serve(0, 4)
    await swarm.until(() => seen()?.[0] === 4, moveMs)
  })

  test('a burst of changes is one decision', async () => {
    await other.serve(0, 6)
    wanted = span(0, 2)
    makeKeeper().start()
    for (const start of [1, 2, 3]) await want(span(start, start + 2))
    await swarm.until(() => keeper.held() !== null, 2000)
    expect(device.loads).toEqual(['3:5'])
  })
})

describe('when a span cannot be loaded', () => {
  test('what was held stays, and the same attempt is made again only later', async () => {
    await other.serve(0, 6)
    await serving(span(0, 2))
    let attempts = 0
    device.before = () => {
      attempts += 1
      if (attempts < 3) throw new ShoalError('not-found', 'nobody has block 2')
    }
    await want(span(2, 4))
    await swarm.until(() => attempts === 1, 2000)
    for (let change = 0; change < 4; change += 1) {
      await self.membership.announce({ version: `change ${change}` })
      await swarm.run(1000)
    }
    expect(attempts).toBe(1)
    expect(seen()).toEqual([0, 2])
    expect(device.loaded).toEqual(new Set(['0:2']))
    // Nothing has moved, so no window runs: only a span that failed is left alone for a while.
    await afterTheWindow()
    await swarm.until(() => seen()?.[0] === 2, 2 * swarmLimits.moveWindowMs + 5000)
    expect(attempts).toBe(3)
  })

  test('a fixed span fails the start', async () => {
    device.before = () => {
      throw new ShoalError('no-capacity', 'too large')
    }
    makeKeeper({ fixed: span(0, 6) }).start()
    await expect(swarm.finished(keeper.failed)).rejects.toMatchObject({ code: 'no-capacity' })
  })

  test('another span than was asked for is not announced', async () => {
    const load = device.loadBlocks
    device.loadBlocks = (range, options) => load({ start: range.start, end: range.end - 1 }, options)
    makeKeeper({ fixed: span(0, 2) }).start()
    await expect(swarm.finished(keeper.failed)).rejects.toMatchObject({ code: 'internal' })
    expect(device.loaded).toEqual(new Set())
  })

  test('a span that cannot be announced is not kept', async () => {
    const { membership } = self
    let refusals = 1
    const announce = membership.announce.bind(membership)
    membership.announce = (patch) =>
      patch.state === 'serving' && refusals-- > 0
        ? Promise.reject(new Error('no signature'))
        : announce(patch)
    wanted = span(0, 2)
    makeKeeper().start()
    await swarm.until(() => refusals === 0, 2000)
    await swarm.run(10)
    expect(keeper.held()).toBeNull()
    await swarm.until(() => seen() !== null, swarmLimits.spanRetryMs + 1000)
  })
})

describe('the end', () => {
  test('stopping while weights come aborts their download', async () => {
    let stopped = false
    const waitForEver = (_units: readonly string[], signal: AbortSignal): Promise<void> =>
      new Promise((_resolve, reject) =>
        onAbort(signal, () => {
          stopped = true
          reject(signal.reason)
        }),
      )
    wanted = span(0, 2)
    makeKeeper({ ensureUnits: waitForEver }).start()
    await swarm.run(1000)
    await swarm.finished(keeper.stop())
    expect(stopped).toBe(true)
    expect(events).toEqual([])
  })

  test('stopping while a device loads frees what it has loaded', async () => {
    const gate = Promise.withResolvers<void>()
    device.before = () => gate.promise
    wanted = span(0, 2)
    makeKeeper().start()
    await swarm.run(1000)
    const stopping = keeper.stop()
    gate.resolve()
    await swarm.finished(stopping)
    expect(keeper.held()).toBeNull()
    expect(seen()).toBeNull()
  })

  test('a retired node moves no more and serves on', async () => {
    await other.serve(0, 6)
    await serving(span(0, 2))
    const session = await swarm.finished(swarm.open(client, self, span(0, 2)))
    await want(span(2, 4))
    await keeper.retire()
    await swarm.run(swarmLimits.moveWindowMs)
    expect(seen()).toEqual([0, 2])
    expect([...(await swarm.finished(session.forward(new Float32Array(4), { want: 'last' })))]).toEqual([
      2, 2, 2, 2,
    ])
    await session.close()
  })

  test('dropped sessions end with a sentence, and the span takes new ones', async () => {
    await serving(span(0, 2))
    const session = await swarm.finished(swarm.open(client, self, span(0, 2)))
    keeper.dropSessions()
    await swarm.run(10)
    await expect(
      swarm.finished(session.forward(new Float32Array(4), { want: 'last' })),
    ).rejects.toMatchObject({ code: 'not-ready', peer: 'self' })
    const next = await swarm.finished(swarm.open(client, self, span(0, 2)))
    expect([...(await swarm.finished(next.forward(new Float32Array(4), { want: 'last' })))]).toEqual([
      2, 2, 2, 2,
    ])
    await next.close()
  })
})
