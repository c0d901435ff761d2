import { noise } from '@chainsafe/libp2p-noise'
import type { Libp2p, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createVirtualClock, messageOf, ShoalError, silentLogger } from '@shoal/host'
import { createLibp2p } from 'libp2p'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { limits } from '../limits.ts'
import type { Channel } from '../transport.ts'
import { createLibp2pTransport } from './create-transport.ts'
import { packFrame, packGoodbye, packGrant } from '../channel/frame-reader.ts'
import { createPeerKey } from './keys.ts'
import type { Libp2pTransport } from './transport-parts.ts'

/** A peer that speaks libp2p but keeps no rule of the channel. */
describe('a hostile peer', () => {
  let transport: Libp2pTransport
  let hostile: Libp2p
  let stream: Stream
  let channel: Channel
  let ended: Promise<Error | undefined>

  beforeEach(async () => {
    transport = await createLibp2pTransport({
      privateKey: await createPeerKey(),
      clock: createVirtualClock(),
      logger: silentLogger,
    })
    hostile = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
    })
    const accepted = Promise.withResolvers<Channel>()
    transport.handle('/test/1', accepted.resolve)
    stream = await hostile.dialProtocol(multiaddr(transport.addresses()[0]), '/test/1')
    channel = await accepted.promise
    ended = new Promise((resolve) => channel.onClose(resolve))
  })
  afterEach(async () => {
    await hostile.stop()
    await transport.close()
  })

  const codeOf = (error: unknown): string => (error instanceof ShoalError ? error.code : messageOf(error))
  const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer)
  /** As libp2p's own `onDrain` does not work twice, a polite sender waits for the event. */
  const drained = (): Promise<void> =>
    new Promise((resolve) => stream.addEventListener('drain', () => resolve(), { once: true }))

  test.each([limits.maxFrameBytes + 1, 0x7fffffff])(
    'that announces a frame of %d bytes is dropped before anything is allocated',
    async (length) => {
      const before = process.memoryUsage().arrayBuffers
      stream.send(word(length))
      expect(codeOf(await ended)).toBe('limit-exceeded')
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024)
    },
  )

  test('that sends more than its credit is dropped, and no more than that was held', async () => {
    let held = 0
    channel.onFrame((frame) => {
      held += frame.length
      return new Promise(() => undefined)
    })
    const frame = packFrame([new Uint8Array(1 << 20)], 1 << 20)
    let open = true
    stream.addEventListener('close', () => (open = false))
    for (let sent = 0; sent < 80 && open; sent += 1) {
      if (!stream.send(frame) && open) await Promise.race([drained(), ended])
    }
    expect(codeOf(await ended)).toBe('limit-exceeded')
    expect(held).toBeLessThanOrEqual(limits.channelCreditBytes)
    expect(held).toBeGreaterThan(limits.channelCreditBytes - (2 << 20))
  })

  test('that floods with empty frames is dropped too', async () => {
    let count = 0
    channel.onFrame(() => {
      count += 1
      return new Promise(() => undefined)
    })
    stream.send(new Uint8Array(8 << 20))
    expect(codeOf(await ended)).toBe('limit-exceeded')
    expect(count).toBe(Math.floor(limits.channelCreditBytes / limits.frameOverheadBytes))
  })

  test('that returns credit it was not owed is dropped', async () => {
    stream.send(packGrant(1))
    expect(codeOf(await ended)).toBe('bad-frame')
  })

  test('that ends its side in the middle of a frame is a lost peer', async () => {
    let frames = 0
    channel.onFrame(() => void (frames += 1))
    stream.send(word(100))
    stream.send(new Uint8Array(50))
    await stream.close()
    expect(codeOf(await ended)).toBe('peer-vanished')
    expect(frames).toBe(0)
  })

  test('that sends after its goodbye is not heard', async () => {
    let frames = 0
    channel.onFrame(() => void (frames += 1))
    stream.send(
      new Uint8Array(
        Buffer.concat([packFrame([new Uint8Array(1)], 1), packGoodbye(), packFrame([new Uint8Array(1)], 1)]),
      ),
    )
    expect(await ended).toBeUndefined()
    expect(frames).toBe(1)
  })

  test('cannot open more channels of a protocol than are allowed', async () => {
    const opened: Channel[] = []
    transport.handle('/many/1', (one) => void opened.push(one))
    const [connection] = hostile.getConnections()
    if (connection === undefined) throw new Error('the dial in beforeEach left a connection')
    const streams = Array.from({ length: limits.channelsPerProtocol + 8 }, () =>
      connection.newStream('/many/1', { maxOutboundStreams: 1000 }),
    )
    await Promise.allSettled(streams)
    // Opened after all of them, so what they led to has happened.
    await connection.newStream('/test/1')
    expect(opened.length).toBe(limits.channelsPerProtocol)
  })
})
