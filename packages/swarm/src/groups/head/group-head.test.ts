import { ShoalError, silentLogger, sleep, createMemoryBudget } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { decorateDevice, decorateHead } from '@shoal/runtime'
import { createGroupBench } from '@shoal/group/testing'
import { expect, test } from 'vitest'
import { createGroupDevice } from '../group-device.ts'

test('a leader shares the head with its ranks, with the same logits, also after a rank is gone', async () => {
  const bench = await createGroupBench('llama', 'int4:32', 'onnx')
  const rank = await bench.addRank('rank')
  const { config } = bench.packed.manifest.manifest
  /** Threads answer in the real event loop, but the network's clock is virtual, so both are advanced. */
  const done = async <T>(promise: Promise<T>): Promise<T> => {
    let over = false
    const end = (): void => void (over = true)
    promise.then(end, end)
    while (!over) {
      await sleep(systemClock, 0)
      bench.clock.advance(0.1)
    }
    return promise
  }
  const leader = createGroupDevice(
    {
      transport: bench.network.createTransport('leader'),
      clock: bench.clock,
      random: bench.random,
      logger: silentLogger,
      manifest: bench.packed.manifest,
    },
    bench.device,
    {
      ranks: rank.addresses.map((address) =>
        address.includes('/p2p/') ? address : `${address}/p2p/${rank.peer}`,
      ),
      alwaysShareHead: true,
    },
  )
  const runner = await done(
    leader.loadBlocks({ start: 0, end: config.blockCount }, { memory: createMemoryBudget(2 ** 28) }),
  )
  const shared = await done(leader.loadHead())
  const whole = await bench.device.loadHead()
  const hidden = Float32Array.from({ length: config.hiddenSize }, (_, index) => Math.cos(index))
  const expected = await whole.logits(hidden)
  const isAsked = async (): Promise<boolean> => {
    const before = rank.headCalls()
    expect(await done(shared.logits(hidden))).toEqual(expected)
    return rank.headCalls() > before
  }
  for (let turn = 0; turn < 200 && !(await isAsked()); turn += 1) await sleep(systemClock, 5)
  expect(await isAsked()).toBe(true)
  bench.network.kill(rank.peer)
  expect(await isAsked()).toBe(false)
  await done(runner.release())
  await shared.release()
  await bench.close()
})

test('when a part of the head cannot be loaded, the parts before it are released', async () => {
  const bench = await createGroupBench('llama', 'f32', 'reference')
  let held = 0
  const device = decorateDevice(bench.device, {
    async loadHead(vocabulary) {
      if (vocabulary !== undefined && vocabulary.start > 0) throw new ShoalError('no-capacity', 'full')
      const head = await bench.device.loadHead(vocabulary)
      held += 1
      return decorateHead(head, {
        async release() {
          held -= 1
          await head.release()
        },
      })
    },
  })
  const dependencies = {
    transport: bench.network.createTransport('leader'),
    clock: bench.clock,
    random: bench.random,
    logger: silentLogger,
    manifest: bench.packed.manifest,
  }
  await expect(
    createGroupDevice(dependencies, device, { ranks: ['/memory/rank/p2p/rank'] }).loadHead(),
  ).rejects.toMatchObject({ code: 'no-capacity' })
  expect(held).toBe(0)
  await bench.close()
})
