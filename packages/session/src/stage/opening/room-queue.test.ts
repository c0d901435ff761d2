import { createVirtualClock, ShoalError } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import { beforeEach, expect, test } from 'vitest'
import { sessionLimits } from '../../route/limits.ts'
import { createRoomQueue, type RoomQueue } from './room-queue.ts'

const clock = createVirtualClock()
let queue: RoomQueue
let free: number
let served: string[]

beforeEach(() => {
  queue = createRoomQueue(clock)
  free = 0
  served = []
})

interface Asked {
  readonly size?: number
  readonly waitMs?: number | null
  readonly overtakes?: boolean
  readonly signal?: AbortSignal
  readonly passing?: boolean
}

/** Asks for room; `name` is the owner and a number. */
function ask(
  name: string,
  {
    size = 1,
    waitMs = 1000,
    overtakes = false,
    signal = new AbortController().signal,
    passing = true,
  }: Asked = {},
): Promise<void> {
  const taken = queue.take({
    owner: name.slice(0, 1),
    waitMs,
    overtakes,
    signal,
    reserve: () => {
      if (size > free) return Promise.resolve({ message: `${free} of ${size} are free`, passing })
      free -= size
      served.push(name)
      return Promise.resolve(null)
    },
  })
  taken.catch(() => undefined)
  return taken
}

async function release(size: number): Promise<void> {
  free += size
  queue.changed()
  await settled()
}

test('one owner is served in the order of its requests', async () => {
  for (const name of ['a1', 'a2', 'a3']) void ask(name)
  await settled()
  await release(2)
  expect(served).toEqual(['a1', 'a2'])
  await release(1)
  expect(served).toEqual(['a1', 'a2', 'a3'])
  expect(queue.size).toBe(0)
})

test('owners take turns, however many requests each of them has', async () => {
  for (const name of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) void ask(name)
  await settled()
  await release(6)
  expect(served).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
})

test('a large request is not overtaken by the small ones behind it', async () => {
  void ask('a1', { size: 3 })
  void ask('b1')
  await settled()
  await release(2)
  expect(served).toEqual([])
  await release(2)
  expect(served).toEqual(['a1', 'b1'])
})

test('while requests wait, one that does not wait is refused, unless it belongs to a running answer', async () => {
  void ask('a1', { size: 2 })
  await settled()
  free = 1
  await expect(ask('b1', { waitMs: null })).rejects.toMatchObject({
    code: 'no-capacity',
    definite: false,
    message: '1 sessions wait for room here',
  })
  await ask('b2', { waitMs: null, overtakes: true })
  expect(served).toEqual(['b2'])
})

test('a request for which no room will come is refused at once, definitely', async () => {
  await expect(ask('a1', { passing: false })).rejects.toMatchObject({ code: 'no-capacity', definite: true })
  expect(queue.size).toBe(0)
})

test('a request leaves the queue when its time is over, and those behind it are looked at', async () => {
  const late = ask('a1', { size: 5, waitMs: 10 })
  void ask('b1')
  await settled()
  free = 1
  clock.advance(10)
  await expect(late).rejects.toMatchObject({
    definite: false,
    message: 'no room within 0.01 s: 0 of 5 are free',
  })
  await settled()
  expect(served).toEqual(['b1'])
})

test('a cancelled request leaves the queue with the reason of its signal', async () => {
  const cancel = new AbortController()
  const cancelled = ask('a1', { signal: cancel.signal })
  await settled()
  cancel.abort(new ShoalError('cancelled', 'the session was closed'))
  await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' })
  await release(1)
  expect(served).toEqual([])
})

test('an owner may have so many requests in the queue, and all owners together so many', async () => {
  const owners = sessionLimits.maxWaitingOpens / sessionLimits.maxWaitingOpensPerPeer
  for (let owner = 0; owner < owners; owner += 1) {
    const name = String.fromCharCode(97 + owner)
    for (let index = 0; index < sessionLimits.maxWaitingOpensPerPeer; index += 1) void ask(`${name}${index}`)
    await settled()
    if (owner === 0) await expect(ask('a99')).rejects.toMatchObject({ code: 'no-capacity', definite: false })
  }
  expect(queue.size).toBe(sessionLimits.maxWaitingOpens)
  await expect(ask('z1')).rejects.toMatchObject({ message: '64 sessions wait for room here already' })
})

test('room that comes while a request is being looked at is not missed', async () => {
  let answer: (missing: null | { message: string; passing: boolean }) => void = () => undefined
  const taken = queue.take({
    owner: 'a',
    waitMs: 1000,
    overtakes: false,
    signal: new AbortController().signal,
    reserve: () => new Promise((resolve) => (answer = resolve)),
  })
  answer({ message: 'none is free', passing: true })
  await settled()
  // The queue looks again; room comes before it has its answer.
  queue.changed()
  answer({ message: 'none is free', passing: true })
  await settled()
  answer(null)
  await taken
})
