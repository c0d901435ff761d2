import { messageOf } from '@shoal/host'
import { describe, expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { codeOf, ended, patterned, receive, refusal, same, signal, type Peers } from './peers.ts'

/** How channels end. */
export function describeEndings(peers: Peers): void {
  describe('the end', () => {
    test('close delivers what was sent before, and neither side sees an error', async () => {
      const { near, far } = await peers.openPair()
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
      const { near, far } = await peers.openPair()
      const ends = Promise.all([ended(near), ended(far)])
      await Promise.all([near.close(), far.close(), near.close()])
      await far.close()
      expect(await ends).toEqual([undefined, undefined])
    })

    test('channels that ended make room: many more than may be open at once, one after another', async () => {
      peers.bob.handle('/test/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
      peers.alice.learn(peers.bob.peerId, peers.bob.addresses())
      for (let turn = 0; turn < 2 * limits.channelsPerProtocol; turn += 1) {
        const channel = await peers.alice.open(peers.bob.peerId, '/test/1', { signal: signal() })
        const echoed = receive(channel, 1)
        await channel.send(patterned(10, turn))
        expect(same((await echoed)[0], patterned(10, turn))).toBe(true)
        if (turn % 3 === 0) channel.abort(new Error('enough'))
        else await channel.close()
      }
    })

    test('a signal ends the wait for a channel, and not the channel', async () => {
      peers.bob.handle('/test/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
      peers.alice.learn(peers.bob.peerId, peers.bob.addresses())
      const limit = new AbortController()
      const channel = await peers.alice.open(peers.bob.peerId, '/test/1', { signal: limit.signal })
      limit.abort(new Error('too late'))
      const echoed = receive(channel, 1)
      await channel.send(patterned(10, 1))
      expect(same((await echoed)[0], patterned(10, 1))).toBe(true)
      expect(channel.closed).toBe(false)
    })

    test('send after the end is refused, and a late listener runs at once', async () => {
      const { near, far } = await peers.openPair()
      await near.close()
      await ended(far)
      expect(await refusal(near.send(new Uint8Array(1)))).toBe('peer-vanished')
      expect(await refusal(far.send(new Uint8Array(1)))).toBe('peer-vanished')
      let ran = false
      near.onClose(() => (ran = true))
      expect(ran).toBe(true)
    })

    test('abort gives its error here and an error there', async () => {
      const { near, far } = await peers.openPair()
      const ends = Promise.all([ended(near), ended(far)])
      near.abort(new Error('no more'))
      const [here, there] = await ends
      expect(messageOf(here)).toBe('no more')
      expect(codeOf(there)).toBe('peer-vanished')
      near.abort(new Error('again'))
      await near.close()
    })

    test('abort rejects what waits for credit', async () => {
      const { near, far } = await peers.openPair()
      far.onFrame(() => new Promise(() => undefined))
      const sending = Array.from({ length: 3 }, () =>
        refusal(near.send(new Uint8Array(limits.maxFrameBytes))),
      )
      near.abort(new Error('no more'))
      expect((await Promise.all(sending))[2]).toBe('peer-vanished')
      expect(await refusal(near.send(new Uint8Array(1)))).toBe('peer-vanished')
    })

    test('close does not wait for ever for a peer that consumes nothing', async () => {
      const { near, far } = await peers.openPair()
      far.onFrame(() => new Promise(() => undefined))
      const end = ended(near)
      const sending = Array.from({ length: 3 }, () =>
        refusal(near.send(new Uint8Array(limits.maxFrameBytes - 8192))),
      )
      await sending[0]
      const closing = near.close()
      peers.clock.advance(limits.closeTimeoutMs)
      await closing
      expect(codeOf(await end)).toBe('deadline-passed')
      expect(await sending[2]).toBe('peer-vanished')
    })

    test('a receiver that throws or rejects ends the channel with its error', async () => {
      for (const fail of [
        () => Promise.reject(new Error('cannot')),
        (): void => {
          throw new Error('cannot')
        },
      ]) {
        const { near, far } = await peers.openPair()
        const ends = Promise.all([ended(near), ended(far)])
        far.onFrame(fail)
        await near.send(new Uint8Array(1))
        const [there, here] = await ends
        expect(messageOf(here)).toBe('cannot')
        expect(codeOf(there)).toBe('peer-vanished')
      }
    })
  })
}
