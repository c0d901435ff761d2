import { onAbort, ShoalError } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { swarmLimits } from '../limits.ts'
import { KeeperBench } from '../testing/keeper-bench.ts'

let bench: KeeperBench

const span = (start: number, end: number): BlockRange => ({ start, end })

beforeEach(async () => {
  bench = new KeeperBench()
  await bench.join()
})
afterEach(async () => {
  await bench.close()
  expect(bench.device.loaded).toEqual(new Set())
})

describe('when a span cannot be loaded', () => {
  test('the held span stays, and the attempt is repeated only later', async () => {
    await bench.other.serve(0, 6)
    await bench.serving(span(0, 2))
    let attempts = 0
    bench.device.before = () => {
      attempts += 1
      if (attempts < 3) throw new ShoalError('not-found', 'nobody has block 2')
    }
    await bench.want(span(2, 4))
    await bench.swarm.until(() => attempts === 1, 2000)
    for (let change = 0; change < 4; change += 1) {
      await bench.self.membership.announce({ version: `change ${change}` })
      await bench.swarm.run(1000)
    }
    expect(attempts).toBe(1)
    expect(bench.seen()).toEqual([0, 2])
    expect(bench.device.loaded).toEqual(new Set(['0:2']))
    // Nothing has moved, so there is no window: only the failed span waits for its retry.
    await bench.swarm.run(swarmLimits.moveWindowMs)
    await bench.swarm.until(() => bench.seen()?.[0] === 2, 2 * swarmLimits.moveWindowMs + 5000)
    expect(attempts).toBe(3)
  })

  test('for lack of room that sessions have taken meanwhile, the move is put off, and nobody is told of a problem', async () => {
    await bench.other.serve(0, 6)
    await bench.serving(span(0, 2))
    let attempts = 0
    bench.device.before = () => {
      attempts += 1
      if (attempts === 1) throw new ShoalError('no-capacity', 'sessions have the memory')
    }
    await bench.want(span(2, 4))
    await bench.swarm.until(() => attempts === 1, 2000)
    await bench.swarm.until(() => bench.seen()?.[0] === 2, 2 * swarmLimits.moveWindowMs + 5000)
    expect(bench.events.filter(({ event }) => event === 'span-loading-failed')).toEqual([])
  })

  test('a fixed span fails the start', async () => {
    bench.device.before = () => {
      throw new ShoalError('no-capacity', 'too large')
    }
    bench.makeKeeper({ fixed: span(0, 6) }).start()
    await expect(bench.swarm.finished(bench.keeper.failed)).rejects.toMatchObject({ code: 'no-capacity' })
  })

  test('a device that loads other blocks fails the start, and nothing is announced', async () => {
    const load = bench.device.loadBlocks
    bench.device.loadBlocks = (range, options) => load({ start: range.start, end: range.end - 1 }, options)
    bench.makeKeeper({ fixed: span(0, 2) }).start()
    await expect(bench.swarm.finished(bench.keeper.failed)).rejects.toMatchObject({ code: 'internal' })
    expect(bench.device.loaded).toEqual(new Set())
  })

  test('a span that cannot be announced is freed, and taken again later', async () => {
    const { membership } = bench.self
    let refusals = 1
    const announce = membership.announce.bind(membership)
    membership.announce = (patch) =>
      patch.state === 'serving' && refusals-- > 0
        ? Promise.reject(new Error('no signature'))
        : announce(patch)
    bench.wanted = span(0, 2)
    bench.makeKeeper().start()
    await bench.swarm.until(() => refusals === 0, 2000)
    await bench.swarm.run(10)
    expect(bench.keeper.held()).toBeNull()
    await bench.swarm.until(() => bench.seen() !== null, swarmLimits.spanRetryMs + 1000)
  })
})

describe('the end', () => {
  test('stopping during a download of weights aborts it', async () => {
    let stopped = false
    const waitForEver = (_units: readonly string[], signal: AbortSignal): Promise<void> =>
      new Promise((_resolve, reject) =>
        onAbort(signal, () => {
          stopped = true
          reject(signal.reason)
        }),
      )
    bench.wanted = span(0, 2)
    bench.makeKeeper({ ensureUnits: waitForEver }).start()
    await bench.swarm.run(1000)
    await bench.swarm.finished(bench.keeper.stop())
    expect(stopped).toBe(true)
    expect(bench.events).toEqual([])
  })

  test('stopping while a device loads frees the loaded span', async () => {
    const gate = Promise.withResolvers<void>()
    bench.device.before = () => gate.promise
    bench.wanted = span(0, 2)
    bench.makeKeeper().start()
    await bench.swarm.run(1000)
    const stopping = bench.keeper.stop()
    gate.resolve()
    await bench.swarm.finished(stopping)
    expect(bench.keeper.held()).toBeNull()
    expect(bench.seen()).toBeNull()
  })

  test('a retired node serves its span and does not move', async () => {
    await bench.other.serve(0, 6)
    await bench.serving(span(0, 2))
    const session = await bench.swarm.finished(bench.swarm.open(bench.client, bench.self, span(0, 2)))
    await bench.want(span(2, 4))
    await bench.keeper.retire()
    await bench.swarm.run(swarmLimits.moveWindowMs)
    expect(bench.seen()).toEqual([0, 2])
    expect([...(await bench.swarm.finished(session.forward(new Float32Array(4), { want: 'last' })))]).toEqual(
      [2, 2, 2, 2],
    )
    await session.close()
  })

  test('dropped sessions fail with `not-ready`, and the span takes new ones', async () => {
    await bench.serving(span(0, 2))
    const session = await bench.swarm.finished(bench.swarm.open(bench.client, bench.self, span(0, 2)))
    bench.keeper.dropSessions()
    await bench.swarm.run(10)
    await expect(
      bench.swarm.finished(session.forward(new Float32Array(4), { want: 'last' })),
    ).rejects.toMatchObject({ code: 'not-ready', peer: 'self' })
    const next = await bench.swarm.finished(bench.swarm.open(bench.client, bench.self, span(0, 2)))
    expect([...(await bench.swarm.finished(next.forward(new Float32Array(4), { want: 'last' })))]).toEqual([
      2, 2, 2, 2,
    ])
    await next.close()
  })
})
