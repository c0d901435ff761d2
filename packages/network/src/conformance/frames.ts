import { describe, expect, test } from 'vitest'
import { limits } from '../limits.ts'
import type { Transport } from '../transport.ts'
import { addressOf, ended, patterned, receive, refusal, same, signal, type Peers } from './peers.ts'

const mebibyte = 1024 * 1024

/** What goes through a channel, and how much of it. */
export function describeFrames(peers: Peers): void {
  describe('frames', () => {
    const sizes = [
      0,
      1,
      3,
      4,
      5,
      7,
      8,
      255,
      256,
      4095,
      4096,
      4097,
      8192,
      65_519,
      65_536,
      100_000,
      262_144,
      262_145,
      mebibyte,
    ]

    test('arrive whole, in order, at every size, on an 8-byte boundary', async () => {
      const { near, far } = await peers.openPair()
      const arriving = receive(far, sizes.length)
      for (const [index, size] of sizes.entries()) await near.send(patterned(size, index))
      const frames = await arriving
      expect(frames.map((frame) => frame.length)).toEqual(sizes)
      expect(frames.every((frame, index) => same(frame, patterned(sizes[index] ?? 0, index)))).toBe(true)
      expect(frames.map((frame) => frame.byteOffset % 8)).toEqual(sizes.map(() => 0))
    })

    test('arrive whole and in order when nobody awaits', async () => {
      const { near, far } = await peers.openPair()
      const arriving = receive(far, 1000)
      const sending = Array.from({ length: 1000 }, (_, index) => near.send(patterned(index * 7, index)))
      await Promise.all(sending)
      const frames = await arriving
      expect(frames.every((frame, index) => same(frame, patterned(index * 7, index)))).toBe(true)
    })

    test('the largest frame arrives, one more byte is refused, and the channel lives on', async () => {
      const { near, far } = await peers.openPair()
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
      const { near, far } = await peers.openPair()
      const arriving = receive(far, 1)
      const part = new Uint8Array([3, 4])
      const sent = near.send(new Uint8Array([1, 2]), part, new Uint8Array(0), part)
      part.fill(99)
      await sent
      expect((await arriving)[0]).toEqual(new Uint8Array([1, 2, 3, 4, 3, 4]))
    })

    test('that came before the handler are delivered when it is set', async () => {
      const { near, far } = await peers.openPair()
      for (let index = 0; index < 5; index += 1) await near.send(new Uint8Array([index]))
      await near.close()
      const frames = await receive(far, 5)
      expect(frames.map((frame) => frame[0])).toEqual([0, 1, 2, 3, 4])
      expect(await ended(far)).toBeUndefined()
    })

    test('flow both ways on many channels of one connection', async () => {
      for (const transport of [peers.alice, peers.bob])
        transport.handle('/echo/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
      const bobHeard = new Promise((resolve) => peers.bob.onConnect(resolve))
      await peers.alice.dial(addressOf(peers.bob), { signal: signal() })
      await bobHeard
      const echoOf = async (from: Transport, to: Transport, index: number): Promise<boolean> => {
        const channel = await from.open(to.peerId, '/echo/1', { signal: signal() })
        const answers = receive(channel, 3)
        for (let turn = 0; turn < 3; turn += 1) await channel.send(patterned(10_000, index + turn))
        const frames = await answers
        await channel.close()
        return frames.every((frame, turn) => same(frame, patterned(10_000, index + turn)))
      }
      const turns = Array.from({ length: 40 }, (_, index) =>
        index % 2 === 0 ? echoOf(peers.alice, peers.bob, index) : echoOf(peers.bob, peers.alice, index),
      )
      expect(await Promise.all(turns)).toEqual(turns.map(() => true))
      expect(peers.alice.connected()).toEqual([peers.bob.peerId])
    })
  })

  describe('credit', () => {
    const frame = patterned(4 * mebibyte, 1)

    test('stops a sender whose receiver does not consume, and lets it go on after', async () => {
      const { near, far } = await peers.openPair()
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
      await peers.alice.ping(peers.bob.peerId, { signal: signal() })
      expect([arrived, sent]).toEqual([most, most])
      for (const resolve of release) resolve()
      await sending
      await expect.poll(() => arrived).toBe(most + 3)
    })

    test('returns, so that many times as much flows', async () => {
      const { near, far } = await peers.openPair()
      const count = 40
      const arriving = receive(far, count)
      for (let index = 0; index < count; index += 1) await near.send(frame)
      const frames = await arriving
      expect(frames.every((received) => received.length === frame.length)).toBe(true)
    })

    test('callers that do not await are told when too much waits', async () => {
      const { near, far } = await peers.openPair()
      far.onFrame(() => new Promise(() => undefined))
      const outcomes = Array.from({ length: 40 }, () => refusal(near.send(frame)))
      expect(await outcomes.at(-1)).toBe('limit-exceeded')
      near.abort(new Error('enough'))
      // Those before it left or were waiting; none of them is lost without a word.
      for (const outcome of await Promise.all(outcomes))
        expect(['resolved', 'peer-vanished', 'limit-exceeded']).toContain(outcome)
    })
  })
}
