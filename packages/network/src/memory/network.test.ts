import { createVirtualClock, seededRandom, ShoalError, messageOf } from '@shoal/host'
import { describe, expect, test } from 'vitest'
import type { Channel, Transport } from '../transport.ts'
import type { FrameTap } from './connection.ts'
import { createMemoryNetwork, type MemoryNetworkOptions } from './network.ts'

const { signal } = new AbortController()
const codeOf = (error: unknown): string => (error instanceof ShoalError ? error.code : messageOf(error))
/** Lets promises and microtasks that are due run; no time passes. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function createWorld(options: Partial<MemoryNetworkOptions> = {}) {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock, random: seededRandom(7), ...options })
  const alice = network.createTransport('alice')
  const bob = network.createTransport('bob')
  /** Moves time in small steps until a promise settles. */
  const advanceUntil = async <T>(promise: Promise<T>, stepMs = 1): Promise<T> => {
    let settled = false
    const done = (): void => void (settled = true)
    promise.then(done, done)
    await settle()
    for (let turn = 0; !settled && turn < 10_000; turn += 1) {
      clock.advance(stepMs)
      await settle()
    }
    return promise
  }
  const openPair = async (): Promise<{ near: Channel; far: Channel }> => {
    const accepted = Promise.withResolvers<Channel>()
    bob.handle('/test/1', accepted.resolve)
    alice.learn('bob', bob.addresses())
    const near = await advanceUntil(alice.open('bob', '/test/1', { signal }))
    return { near, far: await accepted.promise }
  }
  return { clock, network, alice, bob, advanceUntil, openPair }
}

describe('memory network', () => {
  test('delays each direction by its latency, and measures twice that as a round trip', async () => {
    const { clock, network, alice, advanceUntil, openPair } = createWorld({ latencyMs: 10 })
    const { near, far } = await openPair()
    const arrivedMs: number[] = []
    far.onFrame(() => void arrivedMs.push(clock.nowMs()))
    const sentMs = clock.nowMs()
    await near.send(new Uint8Array(1))
    clock.advance(9.5)
    await settle()
    expect(arrivedMs).toEqual([])
    clock.advance(0.5)
    await settle()
    expect(arrivedMs).toEqual([sentMs + 10])
    network.setLatency('bob', 'alice', 3)
    expect(await advanceUntil(alice.ping('bob', { signal }))).toBe(6)
  })

  test('keeps the order of a direction, whatever the jitter and changes of latency', async () => {
    const { clock, network, openPair } = createWorld({ latencyMs: 5, jitterMs: 20 })
    const { near, far } = await openPair()
    const arrived: number[] = []
    far.onFrame((frame) => void arrived.push(frame[0] ?? -1))
    for (let index = 0; index < 100; index += 1) {
      await near.send(new Uint8Array([index]))
      if (index === 50) network.setLatency('alice', 'bob', 0)
      clock.advance(1)
    }
    clock.advance(100)
    await settle()
    expect(arrived).toEqual(Array.from({ length: 100 }, (_, index) => index))
  })

  test('gives the same arrivals for the same seed', async () => {
    const run = async (): Promise<number[]> => {
      const { clock, openPair } = createWorld({ latencyMs: 5, jitterMs: 20 })
      const { near, far } = await openPair()
      const arrivedMs: number[] = []
      far.onFrame(() => void arrivedMs.push(clock.nowMs()))
      for (let index = 0; index < 20; index += 1) await near.send(new Uint8Array(1))
      for (let turn = 0; turn < 100; turn += 1) clock.step()
      return arrivedMs
    }
    const first = await run()
    expect(first.length).toBe(20)
    expect(await run()).toEqual(first)
  })

  test('cut breaks what there is and refuses what comes, until heal', async () => {
    const { network, alice, bob, openPair } = createWorld()
    const { near, far } = await openPair()
    const ends = Promise.all(
      [near, far].map((channel) => new Promise<Error | undefined>((resolve) => channel.onClose(resolve))),
    )
    const gone: string[] = []
    alice.onDisconnect((peer) => gone.push(peer))
    bob.onDisconnect((peer) => gone.push(peer))
    network.cut('bob', 'alice')
    expect((await ends).map(codeOf)).toEqual(['peer-vanished', 'peer-vanished'])
    expect(gone.sort()).toEqual(['alice', 'bob'])
    expect(codeOf(await alice.open('bob', '/test/1', { signal }).catch((error: unknown) => error))).toBe(
      'peer-vanished',
    )
    network.heal('alice', 'bob')
    expect((await alice.open('bob', '/test/1', { signal })).closed).toBe(false)
  })

  test('stop holds everything in silence, heal lets it go in order', async () => {
    const { clock, network, openPair, alice } = createWorld({ latencyMs: 1 })
    const { near, far } = await openPair()
    const arrived: number[] = []
    far.onFrame((frame) => void arrived.push(frame[0] ?? -1))
    await near.send(new Uint8Array([0]))
    network.stop('alice', 'bob')
    for (let index = 1; index < 5; index += 1) await near.send(new Uint8Array([index]))
    const pinged = alice.ping('bob', { signal })
    clock.advance(60_000)
    await settle()
    expect(arrived).toEqual([])
    expect(near.closed).toBe(false)
    network.heal('alice', 'bob')
    await settle()
    expect(arrived).toEqual([0, 1, 2, 3, 4])
    clock.advance(1)
    expect(await pinged).toBeGreaterThanOrEqual(60_000)
  })

  test('a dial over a stopped link waits for its signal', async () => {
    const { network, alice, bob } = createWorld()
    network.stop('alice', 'bob')
    const cancel = new AbortController()
    const dialled = alice.dial(bob.addresses()[0] ?? '', { signal: cancel.signal })
    await settle()
    cancel.abort(new Error('too slow'))
    await expect(dialled).rejects.toThrow('too slow')
    expect(alice.connected()).toEqual([])
  })

  test('a killed peer is gone at once, and comes back under its key', async () => {
    const { network, alice, bob, openPair } = createWorld()
    const { near } = await openPair()
    const ended = new Promise<Error | undefined>((resolve) => near.onClose(resolve))
    const signature = await bob.sign(new Uint8Array(3))
    network.kill('bob')
    expect(codeOf(await ended)).toBe('peer-vanished')
    expect(codeOf(await bob.open('alice', '/test/1', { signal }).catch((error: unknown) => error))).toBe(
      'cancelled',
    )
    const again: Transport = network.createTransport('bob')
    expect(await alice.dial(again.addresses()[0] ?? '', { signal })).toBe('bob')
    expect(await again.verify('bob', new Uint8Array(3), signature)).toBe(true)
  })

  test('a peer that is killed while it dials connects nobody', async () => {
    const { clock, network, alice, bob } = createWorld({ latencyMs: 10 })
    const met: string[] = []
    bob.onConnect((peer) => met.push(peer))
    const dialled = alice.dial(bob.addresses()[0] ?? '', { signal }).catch(codeOf)
    clock.advance(5)
    network.kill('alice')
    clock.advance(50)
    await settle()
    expect(await dialled).toBe('cancelled')
    // Nor does what it still does reach its next life.
    const again = network.createTransport('alice')
    const redialled = again.dial(bob.addresses()[0] ?? '', { signal })
    for (let turn = 0; turn < 5; turn += 1) {
      clock.advance(10)
      await settle()
    }
    await redialled
    await alice.hangUp('bob')
    expect([met, again.connected()]).toEqual([['alice'], ['bob']])
  })

  test('one name is one peer', () => {
    const { network } = createWorld()
    expect(() => network.createTransport('alice')).toThrow('already')
    expect(() => network.createTransport('a/b')).toThrow('cannot be')
  })

  test('a link of limited bandwidth sends one frame after the other', async () => {
    const { clock, near, far } = await (async () => {
      const world = createWorld({
        shapeOf: (from) => (from === 'alice' ? { latencyMs: 5, bytesPerSecond: 100_000 } : { latencyMs: 5 }),
      })
      return { clock: world.clock, ...(await world.openPair()) }
    })()
    const sentMs = clock.nowMs()
    const arrivedMs: number[] = []
    far.onFrame(() => void arrivedMs.push(clock.nowMs() - sentMs))
    for (let index = 0; index < 3; index += 1) await near.send(new Uint8Array(1000))
    clock.advance(100)
    expect(arrivedMs).toEqual([15, 25, 35])
  })

  test('a loss is a delay, and what comes after it waits', async () => {
    let lossPermille = 1000
    const { clock, openPair } = createWorld({
      shapeOf: () => ({ latencyMs: 1, lossPermille, retransmitMs: 10 }),
    })
    const { near, far } = await openPair()
    const sentMs = clock.nowMs()
    const arrivedMs: number[] = []
    far.onFrame(() => void arrivedMs.push(clock.nowMs() - sentMs))
    await near.send(new Uint8Array(1))
    lossPermille = 0
    await near.send(new Uint8Array(1))
    clock.advance(1000)
    expect(arrivedMs).toEqual([81, 81])
  })

  test('a tap sees every frame, may change it, and may end its sender before it arrives or after', async () => {
    const seen: string[] = []
    let killAt: 'leaves' | 'arrived' | null = null
    const tap: FrameTap = {
      leaves(frame) {
        seen.push(`${frame.from} to ${frame.to} on ${frame.protocol}: ${frame.bytes.join(' ')}`)
        if (killAt === 'leaves') world.network.kill(frame.from)
        return frame.bytes.map((byte) => byte + 1)
      },
      arrived(frame) {
        if (killAt === 'arrived') world.network.kill(frame.from)
      },
    }
    const world = createWorld({ latencyMs: 1, tap })
    const { near, far } = await world.openPair()
    const arrived: number[] = []
    far.onFrame((frame) => void arrived.push(...frame))
    const send = async (byte: number, end: typeof killAt): Promise<void> => {
      killAt = end
      await near.send(new Uint8Array([byte]))
      expect(world.network.underWay('alice', 'bob')).toBe(end === 'leaves' ? 0 : 1)
      world.clock.advance(5)
    }
    await send(1, null)
    await send(2, 'arrived')
    expect(arrived).toEqual([2, 3])
    expect(near.closed).toBe(true)
    expect(seen).toEqual(['alice to bob on /test/1: 1', 'alice to bob on /test/1: 2'])
    const back = world.network.createTransport('alice')
    back.learn('bob', world.bob.addresses())
    const again = await world.advanceUntil(back.open('bob', '/test/1', { signal }))
    killAt = 'leaves'
    await again.send(new Uint8Array([7])).catch(() => undefined)
    world.clock.advance(5)
    expect(again.closed).toBe(true)
    expect(seen).toHaveLength(3)
    expect(arrived).toEqual([2, 3])
  })

  test('counts the bytes of frames', async () => {
    const { network, near } = await (async () => {
      const world = createWorld()
      return { network: world.network, near: (await world.openPair()).near }
    })()
    await near.send(new Uint8Array(10), new Uint8Array(5))
    expect([network.sentBytes('alice', 'bob'), network.sentBytes('bob', 'alice')]).toEqual([15, 0])
  })
})
