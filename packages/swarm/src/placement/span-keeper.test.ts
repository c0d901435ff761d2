import type { BlockRange } from '@shoal/model'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { swarmLimits } from '../limits.ts'
import { KeeperBench } from '../testing/keeper-bench.ts'

let bench: KeeperBench

const span = (start: number, end: number): BlockRange => ({ start, end })
/** A move that gives blocks up is made within this time: it waits until nothing changes any more. */
const moveMs = swarmLimits.releaseQuietMs + 2000

beforeEach(async () => {
  bench = new KeeperBench()
  await bench.join()
})
afterEach(async () => {
  await bench.close()
  expect(bench.device.loaded).toEqual(new Set())
})

describe('what a node holds', () => {
  test('loads, serves and announces its first span, and has settled then', async () => {
    await bench.serving(span(0, 2))
    await bench.keeper.settled
    expect(bench.seen()).toEqual([0, 2])
    expect(bench.events).toEqual([{ event: 'blocks-changed', blocks: [0, 2] }])
  })

  test('has settled when the plan wants nothing of it', async () => {
    bench.makeKeeper().start()
    await bench.swarm.finished(bench.keeper.settled)
    expect(bench.keeper.held()).toBeNull()
  })

  test('makes before it breaks: a running session ends on the old span, which is freed then', async () => {
    await bench.other.serve(0, 6)
    await bench.serving(span(0, 2))
    const session = await bench.swarm.finished(bench.swarm.open(bench.client, bench.self, span(0, 2)))
    await bench.want(span(2, 4))
    const uncovered: number[] = []
    bench.client.membership.onChange(() =>
      uncovered.push(
        ...bench.client.view.coverage().flatMap((holders, block) => (holders === 0 ? [block] : [])),
      ),
    )
    await bench.swarm.until(() => bench.seen()?.[0] === 2, moveMs)
    expect(bench.device.loaded).toEqual(new Set(['0:2', '2:4']))
    const output = await bench.swarm.finished(session.forward(new Float32Array(4), { want: 'all' }))
    expect([...output]).toEqual([2, 2, 2, 2])
    await session.close()
    await bench.swarm.until(() => !bench.device.loaded.has('0:2'), 2000)
    expect(bench.keeper.held()).toEqual(span(2, 4))
    expect(uncovered).toEqual([])
  })

  test('swaps when both spans do not fit: it lets the old one go first, once its sessions have ended', async () => {
    await bench.other.serve(0, 6)
    await bench.serving(span(0, 2), { memoryBytes: 3 * bench.self.view.costs.blockBytes })
    const session = await bench.swarm.finished(bench.swarm.open(bench.client, bench.self, span(0, 2)))
    await bench.want(span(2, 4))
    await bench.swarm.until(() => bench.seen() === null, moveMs)
    await bench.swarm.run(1000)
    expect(bench.device.loaded).toEqual(new Set(['0:2']))
    await session.close()
    await bench.swarm.until(() => bench.seen()?.[0] === 2, moveMs)
    expect(bench.device.loaded).toEqual(new Set(['2:4']))
    expect(bench.events).toEqual([
      { event: 'blocks-changed', blocks: [0, 2] },
      { event: 'blocks-changed', blocks: null },
      { event: 'blocks-changed', blocks: [2, 4] },
    ])
  })

  test('gives a swap up that a session delays for too long, and announces the old span again', async () => {
    await bench.other.serve(0, 6)
    await bench.serving(span(0, 2), { memoryBytes: 3 * bench.self.view.costs.blockBytes })
    const session = await bench.swarm.finished(bench.swarm.open(bench.client, bench.self, span(0, 2)))
    await bench.want(span(2, 4))
    await bench.swarm.until(() => bench.seen() === null, moveMs)
    const waitedMs = await bench.swarm.until(() => bench.seen()?.[0] === 0, swarmLimits.drainTimeoutMs + 1000)
    expect(waitedMs).toBeGreaterThan(swarmLimits.drainTimeoutMs - 1000)
    expect([...(await bench.swarm.finished(session.forward(new Float32Array(4), { want: 'all' })))]).toEqual([
      2, 2, 2, 2,
    ])
    await session.close()
  })

  test('swaps without waiting for sessions once a block has no holder, since no session could go on before', async () => {
    await bench.other.serve(0, 6)
    await bench.serving(span(0, 2), { memoryBytes: 3 * bench.self.view.costs.blockBytes })
    const session = await bench.swarm.finished(bench.swarm.open(bench.client, bench.self, span(0, 2)))
    await bench.want(span(2, 4))
    await bench.swarm.until(() => bench.seen() === null, moveMs)
    await bench.swarm.run(1000)
    expect(bench.device.loaded).toEqual(new Set(['0:2']))
    await bench.other.serve(0, 2)
    const waitedMs = await bench.swarm.until(() => bench.seen()?.[0] === 2, moveMs)
    expect(waitedMs).toBeLessThan(1000)
    await expect(
      bench.swarm.finished(session.forward(new Float32Array(4), { want: 'all' })),
    ).rejects.toMatchObject({ code: 'not-ready' })
  })

  test('keeps a block that it alone holds until another node has announced it', async () => {
    await bench.serving(span(0, 2))
    await bench.want(span(2, 4))
    await bench.swarm.run(5000)
    expect(bench.seen()).toEqual([0, 2])
    await bench.other.serve(0, 2)
    await bench.swarm.until(() => bench.seen()?.[0] === 2, moveMs)
  })
})

describe('when a node moves', () => {
  test('it moves once in a window, and again after it', async () => {
    await bench.other.serve(0, 6)
    await bench.serving(span(0, 2))
    await bench.want(span(2, 4))
    await bench.swarm.until(() => bench.seen()?.[0] === 2, moveMs)
    await bench.want(span(4, 6))
    const waitedMs = await bench.swarm.until(() => bench.seen()?.[0] === 4, swarmLimits.moveWindowMs + moveMs)
    // The window begins with the decision, not with its end.
    expect(waitedMs).toBeGreaterThan(swarmLimits.moveWindowMs - moveMs)
  })

  test('a block without a holder does not wait for the window', async () => {
    await bench.other.serve(0, 6)
    await bench.serving(span(0, 2))
    await bench.want(span(2, 4))
    await bench.swarm.until(() => bench.seen()?.[0] === 2, moveMs)
    // A timer now waits for the end of the window.
    await bench.want(span(4, 6))
    await bench.swarm.run(1000)
    expect(bench.seen()).toEqual([2, 4])
    await bench.other.serve(0, 4)
    await bench.swarm.until(() => bench.seen()?.[0] === 4, moveMs)
  })

  test('it decides once for a burst of changes', async () => {
    await bench.other.serve(0, 6)
    bench.wanted = span(0, 2)
    bench.makeKeeper().start()
    for (const start of [1, 2, 3]) await bench.want(span(start, start + 2))
    await bench.swarm.until(() => bench.keeper.held() !== null, 2000)
    expect(bench.device.loads).toEqual(['3:5'])
  })
})
