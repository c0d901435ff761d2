import { noise } from '@chainsafe/libp2p-noise'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createVirtualClock, silentLogger } from '@shoal/host'
import { createLibp2p } from 'libp2p'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { signal } from '../conformance/peers.ts'
import { limits } from '../limits.ts'
import { createLibp2pTransport } from './create-transport.ts'
import { createPeerKey } from './keys.ts'
import type { Libp2pTransport } from './transport-parts.ts'

interface Muxed {
  readonly muxer: { abort(error: Error): void; sendGoAway(): void }
}

async function createTransport(): Promise<Libp2pTransport> {
  const transport = await createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock: createVirtualClock(),
    logger: silentLogger,
  })
  transport.handle('/test/1', (channel) => channel.onFrame(() => undefined))
  return transport
}

describe('a connection whose muxer has ended', () => {
  let transport: Libp2pTransport
  let other: Libp2p
  let peerId: string

  beforeEach(async () => {
    transport = await createTransport()
    other = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
    })
    await other.handle('/test/1', () => undefined)
    peerId = await transport.dial(String(other.getMultiaddrs()[0]), { signal: signal() })
  })
  afterEach(async () => {
    await other.stop()
    await transport.close()
  })

  const muxerOfOther = (): Muxed['muxer'] => (other.getConnections()[0] as unknown as Muxed).muxer

  test.each<[string, () => void]>([
    ['broken off by the other side', () => muxerOfOther().abort(new Error('no reason'))],
    ['ended in order by the other side, which keeps the socket', () => muxerOfOther().sendGoAway()],
  ])('is closed, and the next channel gets a new one: %s', async (_, end) => {
    await transport.open(peerId, '/test/1', { signal: signal() })
    end()
    await expect.poll(() => transport.connected(), { timeout: 10_000 }).toEqual([])
    const channel = await transport.open(peerId, '/test/1', { signal: signal() })
    expect(channel.closed).toBe(false)
  })
})

test('as many channels as a peer may have can be opened at once behind a dial', async () => {
  const [one, other] = [await createTransport(), await createTransport()]
  try {
    const peer = await one.dial(other.addresses()[0] ?? '', { signal: signal() })
    const opening = Array.from({ length: limits.channelsPerProtocol }, () =>
      one.open(peer, '/test/1', { signal: signal() }),
    )
    const channels = await Promise.all(opening)
    expect(channels.filter(({ closed }) => closed)).toEqual([])
  } finally {
    await one.close()
    await other.close()
  }
})
