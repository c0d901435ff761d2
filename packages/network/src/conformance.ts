import { createVirtualClock, messageOf, ShoalError, type VirtualClock } from '@shoal/host'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { limits } from './limits.ts'
import type { Channel, Transport } from './transport.ts'

/** Makes transports that can reach each other. Their timers run on the given clock, which the suite moves. */
export interface TransportWorld {
  createTransport(): Promise<Transport>
  /** An address nobody listens at. */
  nobody(): string
}

const mebibyte = 1024 * 1024
/** Long enough for a busy machine; no test waits for it when all is well. */
const signal = (): AbortSignal => AbortSignal.timeout(30_000)

const codeOf = (error: unknown): string => (error instanceof ShoalError ? error.code : `not a ShoalError: ${messageOf(error)}`)
const refusal = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'resolved', codeOf)

/** Bytes that differ at every position and in every frame. */
function patterned(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + (index >>> 8) * 17 + seed) & 0xff
  return bytes
}

const same = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0

/** What every {@link Transport} must do. */
export function describeTransport(name: string, createWorld: (clock: VirtualClock) => TransportWorld): void {
  describe(`${name} transport`, () => {
    let clock: VirtualClock
    let world: TransportWorld
    let alice: Transport
    let bob: Transport
    const extra: Transport[] = []

    beforeEach(async () => {
      clock = createVirtualClock()
      world = createWorld(clock)
      alice = await world.createTransport()
      bob = await world.createTransport()
    })
    afterEach(async () => {
      await Promise.all([alice, bob, ...extra.splice(0)].map((transport) => transport.close()))
    })

    const addressOf = (transport: Transport): string => transport.addresses()[0] ?? 'no address'

    /** A channel from alice to bob, both ends; the far end has no handlers yet. */
    async function openPair(protocol = '/test/1'): Promise<{ near: Channel; far: Channel }> {
      const accepted = Promise.withResolvers<Channel>()
      bob.handle(protocol, accepted.resolve)
      alice.learn(bob.peerId, bob.addresses())
      const near = await alice.open(bob.peerId, protocol, { signal: signal() })
      return { near, far: await accepted.promise }
    }

    const ended = (channel: Channel): Promise<Error | undefined> => new Promise((resolve) => channel.onClose(resolve))

    /** The next `count` frames. */
    const receive = (channel: Channel, count: number): Promise<Uint8Array[]> =>
      new Promise((resolve) => {
        const frames: Uint8Array[] = []
        channel.onFrame((frame) => {
          frames.push(frame)
          if (frames.length === count) resolve(frames)
        })
      })

    describe('connections', () => {
      test('dial tells the authenticated peer, and both sides hear of it', async () => {
        const heard: string[] = []
        const bobHeard = new Promise<string>((resolve) => bob.onConnect(resolve))
        alice.onConnect((peerId) => heard.push(peerId))
        expect(await alice.dial(addressOf(bob), { signal: signal() })).toBe(bob.peerId)
        expect(await bobHeard).toBe(alice.peerId)
        expect(heard).toEqual([bob.peerId])
        expect(alice.connected()).toEqual([bob.peerId])
        expect(bob.connected()).toEqual([alice.peerId])
      })

      test('every address ends in the peer id', () => {
        expect(alice.addresses().length).toBeGreaterThan(0)
        for (const address of alice.addresses()) expect(address.endsWith(`/p2p/${alice.peerId}`)).toBe(true)
      })

      test.each(['', 'hello', '/ip4/127.0.0.1', 'http://127.0.0.1:80'])('dialling %j is a bad request', async (address) => {
        expect(await refusal(alice.dial(address, { signal: signal() }))).toBe('bad-request')
      })

      test('dialling oneself is a bad request', async () => {
        expect(await refusal(alice.dial(addressOf(alice), { signal: signal() }))).toBe('bad-request')
      })

      test('dialling where nobody listens says so, with the address', async () => {
        const error = await alice.dial(world.nobody(), { signal: signal() }).catch((error: unknown) => error)
        expect(codeOf(error)).toBe('peer-vanished')
        expect(messageOf(error)).toContain(world.nobody().split('/p2p/')[1])
      })

      test('opening to a peer of which no address is known says so', async () => {
        expect(await refusal(alice.open(bob.peerId, '/test/1', { signal: signal() }))).toBe('peer-vanished')
      })

      test('a signal that is aborted already stops dial and open', async () => {
        alice.learn(bob.peerId, bob.addresses())
        const reason = new Error('the user went away')
        await expect(alice.dial(addressOf(bob), { signal: AbortSignal.abort(reason) })).rejects.toThrow()
        await expect(alice.open(bob.peerId, '/test/1', { signal: AbortSignal.abort(reason) })).rejects.toThrow()
      })

      test('both sides dialling and opening at once get their channels', async () => {
        for (const transport of [alice, bob]) transport.handle('/echo/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
        alice.learn(bob.peerId, bob.addresses())
        bob.learn(alice.peerId, alice.addresses())
        const channels = await Promise.all([
          alice.open(bob.peerId, '/echo/1', { signal: signal() }),
          bob.open(alice.peerId, '/echo/1', { signal: signal() }),
          alice.open(bob.peerId, '/echo/1', { signal: signal() }),
          bob.open(alice.peerId, '/echo/1', { signal: signal() }),
        ])
        for (const [index, channel] of channels.entries()) {
          const answer = receive(channel, 1)
          await channel.send(patterned(100, index))
          expect(same((await answer)[0], patterned(100, index))).toBe(true)
        }
        expect(alice.connected()).toEqual([bob.peerId])
      })

      test('hanging up tells both sides, and breaks their channels', async () => {
        const { near, far } = await openPair()
        const gone = Promise.all([alice, bob].map((transport) => new Promise<string>((resolve) => transport.onDisconnect(resolve))))
        const ends = Promise.all([ended(near), ended(far)])
        await alice.hangUp(bob.peerId)
        expect(await gone).toEqual([bob.peerId, alice.peerId])
        expect((await ends).map(codeOf)).toEqual(['peer-vanished', 'peer-vanished'])
        expect(alice.connected()).toEqual([])
        expect(bob.connected()).toEqual([])
      })

      test('closing a transport tells the other side, and a new channel is refused', async () => {
        const { near } = await openPair()
        const gone = new Promise<string>((resolve) => alice.onDisconnect(resolve))
        const end = ended(near)
        await bob.close()
        expect(await gone).toBe(bob.peerId)
        expect(codeOf(await end)).toBe('peer-vanished')
        expect(await refusal(alice.open(bob.peerId, '/test/1', { signal: signal() }))).toBe('peer-vanished')
      })

      test('a round trip is measured', async () => {
        await alice.dial(addressOf(bob), { signal: signal() })
        expect(await alice.ping(bob.peerId, { signal: signal() })).toBeGreaterThanOrEqual(0)
      })

      test('a third peer has channels of its own', async () => {
        const carol = await world.createTransport()
        extra.push(carol)
        const from: string[] = []
        bob.handle('/test/1', (channel) => channel.onFrame(() => void from.push(channel.remotePeer)))
        for (const transport of [alice, carol]) {
          transport.learn(bob.peerId, bob.addresses())
          const channel = await transport.open(bob.peerId, '/test/1', { signal: signal() })
          await channel.send(new Uint8Array(1))
          await channel.close()
        }
        await expect.poll(() => [...from].sort()).toEqual([alice.peerId, carol.peerId].sort())
      })
    })

    describe('versions', () => {
      test.each([
        ['/shoal/thing/2', 'update this peer'],
        ['/shoal/thing/0', 'update '],
        ['/shoal/other/1', 'it speaks'],
      ])('a peer that speaks %s is named', async (spoken, advice) => {
        bob.handle(spoken, () => undefined)
        alice.learn(bob.peerId, bob.addresses())
        const error = await alice.open(bob.peerId, '/shoal/thing/1', { signal: signal() }).catch((error: unknown) => error)
        expect(codeOf(error)).toBe('wrong-version')
        expect(messageOf(error)).toContain(spoken)
        expect(messageOf(error)).toContain('/shoal/thing/1')
        expect(messageOf(error)).toContain(advice)
      })
    })

    describe('frames', () => {
      const sizes = [0, 1, 3, 4, 5, 7, 8, 255, 256, 4095, 4096, 4097, 8192, 65_519, 65_536, 100_000, 262_144, 262_145, mebibyte]

      test('arrive whole, in order, at every size, on an 8-byte boundary', async () => {
        const { near, far } = await openPair()
        const arriving = receive(far, sizes.length)
        for (const [index, size] of sizes.entries()) await near.send(patterned(size, index))
        const frames = await arriving
        expect(frames.map((frame) => frame.length)).toEqual(sizes)
        expect(frames.every((frame, index) => same(frame, patterned(sizes[index] ?? 0, index)))).toBe(true)
        expect(frames.map((frame) => frame.byteOffset % 8)).toEqual(sizes.map(() => 0))
      })

      test('arrive whole and in order when nobody awaits', async () => {
        const { near, far } = await openPair()
        const arriving = receive(far, 1000)
        const sending = Array.from({ length: 1000 }, (_, index) => near.send(patterned(index * 7, index)))
        await Promise.all(sending)
        const frames = await arriving
        expect(frames.every((frame, index) => same(frame, patterned(index * 7, index)))).toBe(true)
      })

      test('the largest frame arrives, one more byte is refused, and the channel lives on', async () => {
        const { near, far } = await openPair()
        const arriving = receive(far, 2)
        const largest = patterned(limits.maxFrameBytes, 5)
        expect(await refusal(near.send(largest, new Uint8Array(1)))).toBe('limit-exceeded')
        await near.send(largest)
        await near.send(new Uint8Array([1]))
        const [first, second] = await arriving
        expect(same(first, largest)).toBe(true)
        expect(second).toEqual(new Uint8Array([1]))
      })

      test('parts are joined, and may be reused once send has returned', async () => {
        const { near, far } = await openPair()
        const arriving = receive(far, 1)
        const part = new Uint8Array([3, 4])
        const sent = near.send(new Uint8Array([1, 2]), part, new Uint8Array(0), part)
        part.fill(99)
        await sent
        expect((await arriving)[0]).toEqual(new Uint8Array([1, 2, 3, 4, 3, 4]))
      })

      test('that came before the handler are delivered when it is set', async () => {
        const { near, far } = await openPair()
        for (let index = 0; index < 5; index += 1) await near.send(new Uint8Array([index]))
        await near.close()
        const frames = await receive(far, 5)
        expect(frames.map((frame) => frame[0])).toEqual([0, 1, 2, 3, 4])
        expect(await ended(far)).toBeUndefined()
      })

      test('flow both ways on many channels of one connection', async () => {
        for (const transport of [alice, bob]) transport.handle('/echo/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
        const bobHeard = new Promise((resolve) => bob.onConnect(resolve))
        await alice.dial(addressOf(bob), { signal: signal() })
        await bobHeard
        const echoOf = async (from: Transport, to: Transport, index: number): Promise<boolean> => {
          const channel = await from.open(to.peerId, '/echo/1', { signal: signal() })
          const answers = receive(channel, 3)
          for (let turn = 0; turn < 3; turn += 1) await channel.send(patterned(10_000, index + turn))
          const frames = await answers
          await channel.close()
          return frames.every((frame, turn) => same(frame, patterned(10_000, index + turn)))
        }
        const turns = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? echoOf(alice, bob, index) : echoOf(bob, alice, index)))
        expect(await Promise.all(turns)).toEqual(turns.map(() => true))
        expect(alice.connected()).toEqual([bob.peerId])
      })
    })

    describe('credit', () => {
      const frame = patterned(4 * mebibyte, 1)

      test('stops a sender whose receiver does not consume, and lets it go on after', async () => {
        const { near, far } = await openPair()
        const release: (() => void)[] = []
        let arrived = 0
        far.onFrame(() => {
          arrived += 1
          return new Promise((resolve) => release.push(resolve))
        })
        const most = Math.floor(limits.channelCreditBytes / (frame.length + limits.frameOverheadBytes))
        let sent = 0
        const sendAll = async (): Promise<void> => {
          for (; sent < most + 3; sent += 1) await near.send(frame)
        }
        const sending = sendAll()
        await expect.poll(() => arrived, { timeout: 20_000 }).toBe(most)
        await expect.poll(() => sent).toBe(most)
        // A frame on another channel passes, and all that this one may send has arrived with it.
        await alice.ping(bob.peerId, { signal: signal() })
        expect([arrived, sent]).toEqual([most, most])
        for (const resolve of release) resolve()
        await sending
        await expect.poll(() => arrived).toBe(most + 3)
      })

      test('returns, so that many times as much flows', async () => {
        const { near, far } = await openPair()
        const count = 40
        const arriving = receive(far, count)
        for (let index = 0; index < count; index += 1) await near.send(frame)
        const frames = await arriving
        expect(frames.every((received) => received.length === frame.length)).toBe(true)
      })

      test('callers that do not await are told when too much waits', async () => {
        const { near, far } = await openPair()
        far.onFrame(() => new Promise(() => undefined))
        const outcomes = Array.from({ length: 40 }, () => refusal(near.send(frame)))
        expect(await outcomes.at(-1)).toBe('limit-exceeded')
        near.abort(new Error('enough'))
        // Those before it left or were waiting; none of them is lost without a word.
        for (const outcome of await Promise.all(outcomes)) expect(['resolved', 'peer-vanished', 'limit-exceeded']).toContain(outcome)
      })
    })

    describe('the end', () => {
      test('close delivers what was sent before, and neither side sees an error', async () => {
        const { near, far } = await openPair()
        const ends = Promise.all([ended(near), ended(far)])
        const arriving = receive(far, 20)
        const sending = Array.from({ length: 20 }, (_, index) => near.send(patterned(200_000, index)))
        await near.close()
        await Promise.all(sending)
        const frames = await arriving
        expect(frames.every((frame, index) => same(frame, patterned(200_000, index)))).toBe(true)
        expect(await ends).toEqual([undefined, undefined])
        expect([near.closed, far.closed]).toEqual([true, true])
      })

      test('both sides may close at once, and twice', async () => {
        const { near, far } = await openPair()
        const ends = Promise.all([ended(near), ended(far)])
        await Promise.all([near.close(), far.close(), near.close()])
        await far.close()
        expect(await ends).toEqual([undefined, undefined])
      })

      test('channels that ended make room: many more than may be open at once, one after another', async () => {
        bob.handle('/test/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
        alice.learn(bob.peerId, bob.addresses())
        for (let turn = 0; turn < 2 * limits.channelsPerProtocol; turn += 1) {
          const channel = await alice.open(bob.peerId, '/test/1', { signal: signal() })
          const echoed = receive(channel, 1)
          await channel.send(patterned(10, turn))
          expect(same((await echoed)[0], patterned(10, turn))).toBe(true)
          if (turn % 3 === 0) channel.abort(new Error('enough'))
          else await channel.close()
        }
      })

      test('send after the end is refused, and a late listener runs at once', async () => {
        const { near, far } = await openPair()
        await near.close()
        await ended(far)
        expect(await refusal(near.send(new Uint8Array(1)))).toBe('peer-vanished')
        expect(await refusal(far.send(new Uint8Array(1)))).toBe('peer-vanished')
        let ran = false
        near.onClose(() => (ran = true))
        expect(ran).toBe(true)
      })

      test('abort gives its error here and an error there', async () => {
        const { near, far } = await openPair()
        const ends = Promise.all([ended(near), ended(far)])
        near.abort(new Error('no more'))
        const [here, there] = await ends
        expect(messageOf(here)).toBe('no more')
        expect(codeOf(there)).toBe('peer-vanished')
        near.abort(new Error('again'))
        await near.close()
      })

      test('abort rejects what waits for credit', async () => {
        const { near, far } = await openPair()
        far.onFrame(() => new Promise(() => undefined))
        const sending = Array.from({ length: 3 }, () => refusal(near.send(new Uint8Array(limits.maxFrameBytes))))
        near.abort(new Error('no more'))
        expect((await Promise.all(sending))[2]).toBe('peer-vanished')
        expect(await refusal(near.send(new Uint8Array(1)))).toBe('peer-vanished')
      })

      test('close does not wait for ever for a peer that consumes nothing', async () => {
        const { near, far } = await openPair()
        far.onFrame(() => new Promise(() => undefined))
        const end = ended(near)
        const sending = Array.from({ length: 3 }, () => refusal(near.send(new Uint8Array(limits.maxFrameBytes - 8192))))
        await sending[0]
        const closing = near.close()
        clock.advance(limits.closeTimeoutMs)
        await closing
        expect(codeOf(await end)).toBe('deadline-passed')
        expect(await sending[2]).toBe('peer-vanished')
      })

      test('a receiver that throws or rejects ends the channel with its error', async () => {
        for (const fail of [() => Promise.reject(new Error('cannot')), (): void => { throw new Error('cannot') }]) {
          const { near, far } = await openPair()
          const ends = Promise.all([ended(near), ended(far)])
          far.onFrame(fail)
          await near.send(new Uint8Array(1))
          const [there, here] = await ends
          expect(messageOf(here)).toBe('cannot')
          expect(codeOf(there)).toBe('peer-vanished')
        }
      })
    })

    describe('signatures', () => {
      const text = new TextEncoder().encode('I hold blocks 4 to 8')

      test('are 64 bytes, and verify for the signer only', async () => {
        const signature = await alice.sign(text)
        expect(signature.length).toBe(limits.signatureBytes)
        expect(await bob.verify(alice.peerId, text, signature)).toBe(true)
        expect(await alice.verify(alice.peerId, text, signature)).toBe(true)
        expect(await bob.verify(bob.peerId, text, signature)).toBe(false)
        expect(await alice.verify(alice.peerId, text, await bob.sign(text))).toBe(false)
      })

      test('fail for other bytes, other signatures and ids that are none', async () => {
        const signature = await alice.sign(text)
        const changed = signature.slice()
        changed[10] = (changed[10] ?? 0) ^ 1
        expect(await bob.verify(alice.peerId, text.slice(1), signature)).toBe(false)
        expect(await bob.verify(alice.peerId, text, changed)).toBe(false)
        expect(await bob.verify(alice.peerId, text, signature.slice(1))).toBe(false)
        expect(await bob.verify(alice.peerId, text, new Uint8Array(0))).toBe(false)
        for (const id of ['', 'nobody', `${alice.peerId}x`]) expect(await bob.verify(id, text, signature)).toBe(false)
      })
    })
  })
}
