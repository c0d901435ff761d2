import { createVirtualClock, type VirtualClock } from '@shoal/host'
import { decorateRunner } from '@shoal/runtime'
import { beforeEach, expect, test } from 'vitest'
import { createFakeRunner } from '@shoal/runtime/testing'
import { settled } from '@shoal/host/testing'
import { groupTimes } from '../limits.ts'
import { createLoadedShares, type LoadedShares } from './loaded-shares.ts'

const range = { start: 0, end: 2 }
const request = { range, split: { heads: [1, 1], columns: [16, 16] }, rank: 1 }
const sum = async (partial: Float32Array): Promise<Float32Array> => partial
const { signal } = new AbortController()

let clock: VirtualClock
let shares: LoadedShares
/** Shares in memory now. */
let inMemory: number
/** Shares that were ever loaded. */
let loads: number

beforeEach(() => {
  clock = createVirtualClock()
  inMemory = 0
  loads = 0
  shares = createLoadedShares(clock, async () => {
    loads += 1
    inMemory += 1
    const runner = decorateRunner(createFakeRunner(range, 8), { release: async () => void (inMemory -= 1) })
    return runner
  })
})

test('a share whose group has ended is freed after a while', async () => {
  const use = await shares.take(request, sum, signal)
  use.release(Promise.resolve())
  clock.advance(groupTimes.lingerMs - 1)
  await settled()
  expect(inMemory).toBe(1)
  clock.advance(1)
  await settled()
  expect(inMemory).toBe(0)
})

test('the next group gets the share as it is loaded, and keeps it', async () => {
  const first = await shares.take(request, sum, signal)
  await expect(shares.take(request, async () => new Float32Array(), signal)).rejects.toMatchObject({
    code: 'no-capacity',
  })
  first.release(Promise.resolve())
  const second = await shares.take(request, async () => new Float32Array(), signal)
  expect(second.runner).toBe(first.runner)
  // A second release by the first group has no effect.
  first.release(Promise.resolve())
  clock.advance(groupTimes.lingerMs)
  await settled()
  expect([inMemory, loads]).toEqual([1, 1])
})

test('a group that takes a share waits for the calls of the group before', async () => {
  const gate = Promise.withResolvers<void>()
  const first = await shares.take(request, sum, signal)
  first.release(gate.promise)
  let taken = false
  const second = shares.take(request, async () => new Float32Array(), signal).then(() => (taken = true))
  await settled()
  expect(taken).toBe(false)
  gate.resolve()
  expect(await second).toBe(true)
})

test('a group that ends while it waits releases the share at once, and the next one waits for the calls before both', async () => {
  const gate = Promise.withResolvers<void>()
  const ending = new AbortController()
  ;(await shares.take(request, sum, signal)).release(gate.promise)
  const second = shares.take(request, async () => new Float32Array(), ending.signal)
  ending.abort(new Error('over'))
  let taken = false
  const third = shares.take(request, async () => new Float32Array(1), signal).then(() => (taken = true))
  await settled()
  expect(taken).toBe(false)
  gate.resolve()
  await expect(second).rejects.toThrow('over')
  expect(await third).toBe(true)
  clock.advance(groupTimes.lingerMs)
  await settled()
  expect([inMemory, loads]).toEqual([1, 1])
})

test('an unused share is freed before another one is loaded, so that a leader cannot fill the memory', async () => {
  for (let rank = 0; rank < 20; rank += 1) {
    const use = await shares.take({ ...request, rank }, sum, signal)
    expect(inMemory).toBe(1)
    use.release(Promise.resolve())
  }
  const ending = new AbortController()
  const given = [20, 21, 22].map((rank) =>
    shares.take({ ...request, rank }, sum, ending.signal).catch(() => undefined),
  )
  ending.abort()
  await Promise.all(given)
  await shares.take({ ...request, rank: 23 }, sum, signal)
  expect(inMemory).toBe(1)
})

test('each rank, split and range is a share of its own, and closing frees all of them', async () => {
  for (const one of [
    request,
    { ...request, rank: 0 },
    { ...request, range: { start: 2, end: 4 } },
    { ...request, split: { heads: [1, 1], columns: [32, 0] } },
  ])
    await shares.take(one, sum, signal)
  expect([inMemory, loads]).toEqual([4, 4])
  await shares.close()
  expect(inMemory).toBe(0)
})
