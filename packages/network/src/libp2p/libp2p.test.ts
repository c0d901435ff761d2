import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import { describe, expect, test } from 'vitest'
import { describeTransport } from '../conformance/conformance.ts'
import type { Libp2pTransportOptions } from './create-transport.ts'
import { signal } from '../conformance/peers.ts'
import { createLibp2pTransport } from './create-transport.ts'
import { createPeerKey } from './keys.ts'

const nobodyKnown = '12D3KooWGRUfJL6mxCi5kC6HDA6vgtx7qAoA5rCBpMw5HdrLZ6m1'

describeTransport('libp2p', (clock) => ({
  createTransport: async () =>
    createLibp2pTransport({ privateKey: await createPeerKey(), clock, logger: silentLogger }),
  // Port 1 is reserved, and nobody uses it.
  nobody: () => `/ip4/127.0.0.1/tcp/1/p2p/${nobodyKnown}`,
}))

describeTransport('libp2p with direct channels', (clock) => ({
  createTransport: async () =>
    createLibp2pTransport({
      privateKey: await createPeerKey(),
      clock,
      logger: silentLogger,
      direct: { protocols: ['/test/1', '/echo/1', '/shoal/thing/1'], random: seededRandom(1) },
    }),
  nobody: () => `/ip4/127.0.0.1/tcp/1/p2p/${nobodyKnown}`,
}))

describe('a channel has a socket of its own', () => {
  const random = seededRandom(1)
  const direct = { protocols: ['/test/1'], random }
  const other = { protocols: ['/test/2'], random }
  test.each<[string, Partial<Libp2pTransportOptions>, Partial<Libp2pTransportOptions>, number]>([
    ['when both sides offer it', { direct }, { direct }, 1],
    ['when who dials does not listen', { direct, listen: [] }, { direct }, 1],
    ['not when who is dialled knows nothing of it', { direct }, {}, 0],
    ['not when who dials does not want it', {}, { direct }, 0],
    ['not for other protocols', { direct: other }, { direct: other }, 0],
    ['not to who is behind a proxy', { direct }, { direct, announce: ['/ip4/127.0.0.1/tcp/1'] }, 0],
    ['not when links have a shape', { direct, dialInstead: {} }, { direct }, 0],
  ])('%s', async (_name, near, far, expected) => {
    const create = async (options: Partial<Libp2pTransportOptions>) =>
      createLibp2pTransport({
        privateKey: await createPeerKey(),
        clock: createVirtualClock(),
        logger: silentLogger,
        ...options,
      })
    const bob = await create({
      ...far,
      ...(far.announce === undefined ? {} : { listen: ['/ip4/127.0.0.1/tcp/0'] }),
    })
    const alice = await create(near)
    try {
      bob.handle('/test/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
      if (far.announce === undefined) alice.learn(bob.peerId, bob.addresses())
      else bob.learn(alice.peerId, alice.addresses())
      // A peer behind a proxy is reached over the connection that it makes.
      if (far.announce !== undefined) await bob.ping(alice.peerId, { signal: signal() })
      const channel = await alice.open(bob.peerId, '/test/1', { signal: signal() })
      const answered = new Promise<Uint8Array>((resolve) => channel.onFrame(resolve))
      await channel.send(Uint8Array.of(7))
      expect([...(await answered)]).toEqual([7])
      expect([alice.directChannels(bob.peerId), bob.directChannels(alice.peerId)]).toEqual([
        expected,
        expected,
      ])
    } finally {
      await alice.close()
      await bob.close()
    }
  })
})
