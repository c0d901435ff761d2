import { createVirtualClock, messageOf, ShoalError, type VirtualClock } from '@shoal/host'
import { afterEach, beforeEach } from 'vitest'
import type { Channel, Transport } from '../transport.ts'

/** Makes transports that can reach each other. Their timers run on the given clock, which the suite moves. */
export interface TransportWorld {
  createTransport(): Promise<Transport>
  /** An address nobody listens at. */
  nobody(): string
}

/** What every test of the suite starts from, fresh for each. */
export interface Peers {
  readonly clock: VirtualClock
  readonly world: TransportWorld
  readonly alice: Transport
  readonly bob: Transport
  /** A third peer, closed with the others. */
  createThird(): Promise<Transport>
  /** A channel from alice to bob, both ends; the far end has no handlers yet. */
  openPair(): Promise<{ near: Channel; far: Channel }>
}

/** Call it where tests are declared. */
export function createPeers(createWorld: (clock: VirtualClock) => TransportWorld): Peers {
  let current: Pick<Peers, 'clock' | 'world' | 'alice' | 'bob'> | undefined
  const extra: Transport[] = []
  const now = () => {
    if (current === undefined) throw new Error('peers exist within tests only')
    return current
  }

  beforeEach(async () => {
    const clock = createVirtualClock()
    const world = createWorld(clock)
    current = { clock, world, alice: await world.createTransport(), bob: await world.createTransport() }
  })
  afterEach(async () => {
    const { alice, bob } = now()
    await Promise.all([alice, bob, ...extra.splice(0)].map((transport) => transport.close()))
  })

  return {
    get clock() {
      return now().clock
    },
    get world() {
      return now().world
    },
    get alice() {
      return now().alice
    },
    get bob() {
      return now().bob
    },
    async createThird() {
      const third = await now().world.createTransport()
      extra.push(third)
      return third
    },
    async openPair() {
      const { alice, bob } = now()
      const accepted = Promise.withResolvers<Channel>()
      bob.handle('/test/1', accepted.resolve)
      alice.learn(bob.peerId, bob.addresses())
      const near = await alice.open(bob.peerId, '/test/1', { signal: signal() })
      return { near, far: await accepted.promise }
    },
  }
}

export const addressOf = (transport: Transport): string => transport.addresses()[0] ?? 'no address'

/** Long enough for a busy machine; no test waits for it when all is well. */
export const signal = (): AbortSignal => AbortSignal.timeout(30_000)

export const codeOf = (error: unknown): string =>
  error instanceof ShoalError ? error.code : `not a ShoalError: ${messageOf(error)}`
export const refusal = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'resolved', codeOf)

/** How a channel ends. */
export const ended = (channel: Channel): Promise<Error | undefined> =>
  new Promise((resolve) => channel.onClose(resolve))

/** The next `count` frames. */
export const receive = (channel: Channel, count: number): Promise<Uint8Array[]> =>
  new Promise((resolve) => {
    const frames: Uint8Array[] = []
    channel.onFrame((frame) => {
      frames.push(frame)
      if (frames.length === count) resolve(frames)
    })
  })

/** Bytes that differ at every position and in every frame. */
export function patterned(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index += 1)
    bytes[index] = (index * 31 + (index >>> 8) * 17 + seed) & 0xff
  return bytes
}

export const same = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.compare(a, b) === 0
