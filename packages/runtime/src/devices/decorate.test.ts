import { createMemoryBudget } from '@shoal/host'
import { expect, test } from 'vitest'
import type { BlockRunner, Device, HeadRunner } from '../block-runner.ts'
import { createFakeRunner, type FakeRunner } from '../testing/fake-runner.ts'
import { decorateDevice, decorateHead, decorateRunner, decorateRunners } from './decorate.ts'

const range = { start: 2, end: 4 }

function fakeDevice(): Device & { numericClass: string } {
  return {
    kind: 'reference',
    threads: 3,
    numericClass: 'a',
    loadBlocks: async (blocks) => createFakeRunner(blocks, 4),
    loadRank: async (blocks) => createFakeRunner(blocks, 4),
    loadHead: () => Promise.reject(new Error('no head')),
    loadEmbedding: () => Promise.reject(new Error('no embedding')),
    close: async () => undefined,
  }
}

test('a decorated runner replaces the members it is given and passes every other one on', async () => {
  const runner = createFakeRunner(range, 4)
  const calls: string[] = []
  const decorated = decorateRunner(runner, {
    async forward(session, position, hidden) {
      calls.push(`${session} at ${position}`)
      return runner.forward(session, position, hidden)
    },
  })
  await decorated.open('s', 8)
  const rows = await decorated.forward('s', 0, new Float32Array(8))
  expect(calls).toEqual(['s at 0'])
  expect(rows).toHaveLength(8)
  expect([decorated.range, decorated.hiddenSize, decorated.length('s')]).toEqual([range, 4, 2])
  expect(runner.memory()).toEqual(decorated.memory())
})

test('getters of the target stay live, also those that are not part of the interface', async () => {
  const runner: FakeRunner = createFakeRunner(range, 4)
  const decorated = decorateRunner(runner, { lost: AbortSignal.abort() })
  await decorated.open('s', 8)
  await decorated.forward('s', 0, new Float32Array(8))
  expect([runner.computedRows, decorated.computedRows]).toEqual([2, 2])
  expect([runner.lost, decorated.lost?.aborted]).toEqual([undefined, true])
})

test('getters among the replacing members stay live', () => {
  let hiddenSize = 4
  const decorated = decorateRunner(createFakeRunner(range, 4), {
    get hiddenSize() {
      return hiddenSize
    },
  })
  hiddenSize = 8
  expect(decorated.hiddenSize).toBe(8)
})

test('a decorated runner can be decorated again, and each layer is an object of its own', async () => {
  const runner = createFakeRunner(range, 4)
  const order: string[] = []
  const layer = (name: string, inner: BlockRunner): BlockRunner =>
    decorateRunner(inner, {
      release() {
        order.push(name)
        return inner.release()
      },
    })
  const inner = layer('inner', runner)
  const outer = layer('outer', inner)
  await outer.release()
  expect(order).toEqual(['outer', 'inner'])
  expect(new Set<BlockRunner>([runner, inner, outer]).size).toBe(3)
})

test('a decorated device reports the numeric class that its target has now', () => {
  const device = fakeDevice()
  const decorated = decorateDevice(device, {})
  device.numericClass = 'none'
  expect([decorated.kind, decorated.threads, decorated.numericClass]).toEqual(['reference', 3, 'none'])
})

test('a decorated device may have members of its own', () => {
  interface CountingDevice extends Device {
    readonly loads: number
  }
  let loads = 0
  const decorated = decorateDevice<CountingDevice>(fakeDevice(), {
    get loads() {
      return loads
    },
  })
  loads += 2
  expect([decorated.loads, decorated.threads]).toEqual([2, 3])
})

test('all runners of a device are wrapped, of whole blocks and of ranks', async () => {
  const decorated = decorateRunners(fakeDevice(), (runner) => decorateRunner(runner, { ranks: 7 }))
  const options = { memory: createMemoryBudget(1) }
  const [share, sum] = [{ start: 0, end: 1 }, async (partial: Float32Array) => partial]
  const rank = await decorated.loadRank(range, {
    ...options,
    sum,
    share: { rank: 0, ranks: 1, heads: share, keyValueHeads: share, columns: share, experts: null },
  })
  expect([(await decorated.loadBlocks(range, options)).ranks, rank.ranks]).toEqual([7, 7])
})

test('a decorated head passes on what it does not replace', async () => {
  let released = 0
  const head: HeadRunner = {
    logits: async (hidden) => hidden,
    async release() {
      released += 1
    },
  }
  const decorated = decorateHead(head, { logits: async () => Float32Array.of(1) })
  await decorated.release()
  expect([await decorated.logits(new Float32Array(3)), released]).toEqual([Float32Array.of(1), 1])
})
