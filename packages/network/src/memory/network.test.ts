import { createVirtualClock, seededRandom, ShoalError, messageOf } from '@shoal/host'
import { describe, expect, test } from 'vitest'
import type { Channel, Transport } from '../transport.ts'
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
    const ends = Promise.all([near, far].map((channel) => new Promise<Error | undefined>((resolve) => channel.onClose(resolve))))
    const gone: string[] = []
    alice.onDisconnect((peer) => gone.push(peer))
    bob.onDisconnect((peer) => gone.push(peer))
    network.cut('bob', 'alice')
    expect((await ends).map(codeOf)).toEqual(['peer-vanished', 'peer-vanished'])
    expect(gone.sort()).toEqual(['alice', 'bob'])
    expect(codeOf(await alice.open('bob', '/test/1', { signal }).catch((error: unknown) => error))).toBe('peer-vanished')
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
    expect(codeOf(await bob.open('alice', '/test/1', { signal }).catch((error: unknown) => error))).toBe('cancelled')
    const again: Transport = network.createTransport('bob')
    expect(await alice.dial(again.addresses()[0] ?? '', { signal })).toBe('bob')
    expect(await again.verify('bob', new Uint8Array(3), signature)).toBe(true)
  })

  test('one name is one peer', () => {
    const { network } = createWorld()
    expect(() => network.createTransport('alice')).toThrow('already')
    expect(() => network.createTransport('a/b')).toThrow('cannot be')
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
