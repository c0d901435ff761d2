import { createVirtualClock, sleep, type Clock, createMemoryBudget } from '@shoal/host'
import type { BlockRunner, Device, RankOptions } from '@shoal/runtime'
import { expect, test } from 'vitest'
import { slowed } from './slow-device.ts'

/** A device whose calls take 2 ms each, one after the other; nothing else of it is used. */
function twoMsDevice(clock: ReturnType<typeof createVirtualClock>): Device {
  let freeMs = 0
  const forward: BlockRunner['forward'] = (_session, _position, hidden) =>
    new Promise((resolve) => {
      freeMs = Math.max(freeMs, clock.nowMs()) + 2
      clock.after(freeMs - clock.nowMs(), () => resolve(hidden))
    })
  return {
    kind: 'cpu',
    threads: 1,
    numericClass: 'one',
    loadBlocks: async () => ({ forward }) as BlockRunner,
  } as unknown as Device
}

test('calls take longer by the factor, and wait for each other', async () => {
  const clock = createVirtualClock()
  const runner = await slowed(twoMsDevice(clock), clock, 4).loadBlocks(
    { start: 0, end: 1 },
    { memory: createMemoryBudget(2 ** 30) },
  )
  const ends: number[] = []
  const call = (): void =>
    void runner.forward('s', 0, new Float32Array(1)).then(
      () => ends.push(clock.nowMs()),
      () => ends.push(Number.NaN),
    )
  call()
  call()
  for (let turn = 0; turn < 40; turn += 1) {
    clock.advance(1)
    // Code that waits for a timer continues in later turns of the microtask queue.
    for (let i = 0; i < 10; i += 1) await Promise.resolve()
  }
  expect(ends).toEqual([8, 16])
})

/** A rank whose forward passes through two halves of 1 and 3 ms; a sum takes as long as the others let it wait. */
function rankDevice(clock: ReturnType<typeof createVirtualClock>, halvesMs: readonly number[]): Device {
  const loadRank = async (_range: unknown, { sum }: RankOptions): Promise<Partial<BlockRunner>> => ({
    hiddenSize: 1,
    async forward(_session, _position, hidden) {
      for (const ms of halvesMs) {
        await sleep(clock, ms)
        await sum(hidden, ms)
      }
      return hidden
    },
  })
  return { kind: 'cpu', threads: 1, numericClass: 'one', loadRank } as unknown as Device
}

async function advance(clock: ReturnType<typeof createVirtualClock>, ms: number): Promise<void> {
  for (let turn = 0; turn < ms; turn += 1) {
    clock.advance(1)
    for (let i = 0; i < 20; i += 1) await Promise.resolve()
  }
}

test('a rank contributes to a sum as late as a slower one would, and its wait for other ranks is not slowed', async () => {
  const clock = createVirtualClock()
  const handed: number[] = []
  const sum = async (partial: Float32Array): Promise<Float32Array> => {
    handed.push(clock.nowMs())
    await sleep(clock, 50)
    return partial
  }
  const share = { rank: 0 } as RankOptions['share']
  const runner = await slowed(rankDevice(clock, [1, 3]), clock, 4).loadRank(
    { start: 0, end: 1 },
    { share, sum, memory: createMemoryBudget(2 ** 30) },
  )
  let endMs = 0
  void runner.forward('s', 0, new Float32Array(1)).then(
    () => (endMs = clock.nowMs()),
    () => (endMs = Number.NaN),
  )
  await advance(clock, 200)
  expect(handed).toEqual([4, 66])
  expect(endMs).toBe(116)
})

test('a call that other work has delayed is not multiplied', async () => {
  const clock = createVirtualClock()
  const handed: number[] = []
  const share = { rank: 0 } as RankOptions['share']
  const sum = async (partial: Float32Array): Promise<Float32Array> => {
    handed.push(clock.nowMs())
    return partial
  }
  const halvesMs = [1, 1, 1, 1, 20, 1]
  const runner = await slowed(rankDevice(clock, halvesMs), clock, 4).loadRank(
    { start: 0, end: 3 },
    { share, sum, memory: createMemoryBudget(2 ** 30) },
  )
  void runner.forward('s', 0, new Float32Array(1))
  await advance(clock, 100)
  // The fifth call takes 20 ms of computing and is held back by 3 ms, as usual for its kind.
  expect(handed).toEqual([4, 8, 12, 16, 39, 43])
})

test('a late timer shortens the next pause', async () => {
  const clock = createVirtualClock()
  const late: Clock = { ...clock, after: (delayMs, action) => clock.after(delayMs + 2, action) }
  const handed: number[] = []
  const share = { rank: 0 } as RankOptions['share']
  const sum = async (partial: Float32Array): Promise<Float32Array> => {
    handed.push(clock.nowMs())
    return partial
  }
  const runner = await slowed(rankDevice(clock, [2, 2, 2]), late, 4).loadRank(
    { start: 0, end: 2 },
    { share, sum, memory: createMemoryBudget(2 ** 30) },
  )
  void runner.forward('s', 0, new Float32Array(1))
  await advance(clock, 60)
  // Always 2 ms late, not 2, 4 and 6.
  expect(handed).toEqual([10, 18, 26])
})
