import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { ShoalError } from '@shoal/host'
import { encodeDirect, protocols } from '@shoal/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { codeOf, ended, patterned, receive, same, signal } from '../conformance/peers.ts'
import { limits } from '../limits.ts'
import type { Channel } from '../transport.ts'
import { createDirectPeers, loopback, type DirectPeers } from './testing/direct-peers.ts'

describe('direct channels', () => {
  let peers: DirectPeers
  beforeEach(async () => {
    peers = await createDirectPeers()
  })
  afterEach(() => peers.close())

  test('carry frames both ways, and are known to both sides', async () => {
    const channel = await peers.open()
    expect([peers.near.count('bob'), peers.far.count('alice')]).toEqual([1, 1])
    expect([peers.accepted[0]?.remotePeer, peers.accepted[0]?.protocol, channel?.remotePeer]).toEqual([
      'alice',
      '/test/1',
      'bob',
    ])
    const there = receive(peers.accepted[0]!, 2)
    await channel!.send(patterned(8192, 1))
    await channel!.send(patterned(200_000, 2))
    expect(
      (await there).map((frame, index) => same(frame, patterned([8192, 200_000][index]!, index + 1))),
    ).toEqual([true, true])
    const back = receive(channel!, 1)
    await peers.accepted[0]!.send(patterned(100, 3))
    expect(same((await back)[0], patterned(100, 3))).toBe(true)
    await channel!.close()
    expect([peers.near.count('bob'), peers.far.count('alice')]).toEqual([0, 0])
  })

  test.each([
    ['from far away', '8.8.8.8'],
    ['of another family', '::1'],
    ['of another machine, when only this one is listened for', '192.168.1.7'],
    ['behind a relay', undefined],
  ])(
    'are refused to a peer %s, which does not ask again on this connection, or for a while',
    async (_name, address) => {
      peers.seenAt = address
      expect(peers.near.isWorth('bob', '/test/1', loopback)).toBe(true)
      expect(await peers.open()).toBeNull()
      expect(peers.near.isWorth('bob', '/test/1', loopback)).toBe(false)
      peers.near.forget('bob')
      expect(peers.near.isWorth('bob', '/test/1', loopback)).toBe(true)
      expect(await peers.open()).toBeNull()
      peers.clock.advance(limits.directRetryMs)
      expect(peers.near.isWorth('bob', '/test/1', loopback)).toBe(true)
      expect(peers.accepted).toEqual([])
    },
  )

  test.each([
    ['that nobody serves', '/unserved/1'],
    ['without direct channels', '/foreign/1'],
  ])('are refused for a protocol %s, which says nothing of others', async (_name, protocol) => {
    expect(await peers.open(protocol)).toBeNull()
    expect(peers.near.isWorth('bob', '/test/1', loopback)).toBe(true)
    expect(await peers.open()).not.toBeNull()
  })

  test('have a limit, and the next one comes when there is room', async () => {
    const channels: (Channel | null)[] = []
    for (let count = 0; count < limits.channelsPerProtocol; count += 1) channels.push(await peers.open())
    expect(channels.every((channel) => channel !== null)).toBe(true)
    expect(await peers.open()).toBeNull()
    expect(peers.near.isWorth('bob', '/test/1', loopback)).toBe(true)
    const gone = ended(peers.accepted[0]!)
    channels[0]!.abort(new Error('enough'))
    await gone
    expect(await peers.open()).not.toBeNull()
  })

  test('a peer that knows nothing of them is not asked again', async () => {
    expect(
      await peers.settled(
        peers.near.open(
          'carol',
          '/test/1',
          loopback,
          () => Promise.reject(new ShoalError('wrong-version', 'what?')),
          signal(),
        ),
      ),
    ).toBeNull()
    expect(peers.near.isWorth('carol', '/test/1', loopback)).toBe(false)
  })

  test.each<[string, () => Promise<Channel>]>([
    [
      'cannot leave',
      async () => {
        const channel = await peers.ask()
        channel.abort(new Error('gone'))
        return channel
      },
    ],
    [
      'is not answered',
      async () => {
        peers.bob.handle(protocols.direct, () => peers.clock.advance(limits.directConnectMs))
        return peers.ask()
      },
    ],
    [
      'comes too late',
      async () => {
        peers.bob.handle(protocols.direct, () => undefined)
        const channel = await peers.ask()
        peers.clock.advance(limits.directConnectMs)
        return channel
      },
    ],
  ])('an ask that %s leaves the stream, this time', async (_name, openAsk) => {
    expect(await peers.settled(peers.near.open('bob', '/test/1', loopback, openAsk, signal()))).toBeNull()
    expect(peers.near.isWorth('bob', '/test/1', loopback)).toBe(true)
  })

  test('a handler that fails ends its channel', async () => {
    let calls = 0
    peers.accept = () => {
      calls += 1
      throw new Error('cannot')
    }
    const channel = await peers.open()
    // It may be gone before its opener has heard of the end of the handshake.
    if (channel !== null) expect(codeOf(await ended(channel))).toBe('peer-vanished')
    expect([calls, peers.far.count('alice')]).toEqual([1, 0])
  })

  describe('while one is being opened at a port that does not answer', () => {
    let silent: Server
    let arrived: Promise<Socket>
    let opening: Promise<Channel | null>
    let user: AbortController

    beforeEach(async () => {
      silent = createServer()
      await new Promise<void>((resolve) => silent.listen(0, loopback, resolve))
      arrived = new Promise((resolve) => silent.once('connection', resolve))
      const { port } = silent.address() as AddressInfo
      peers.bob.handle(protocols.direct, (channel) =>
        channel.onFrame(() =>
          channel.send(
            ...encodeDirect({ type: 'direct-offer', port, identity: 'x', key: new Uint8Array(32) }),
          ),
        ),
      )
      user = new AbortController()
      opening = peers.near.open('bob', '/test/1', loopback, peers.ask, user.signal)
      opening.catch(() => undefined)
      await peers.settled(arrived)
    })
    afterEach(() => new Promise<void>((resolve) => silent.close(() => resolve())))

    const ending = async (): Promise<unknown> => {
      const socket = await arrived
      return new Promise((resolve) =>
        socket
          .once('close', resolve)
          .on('error', () => undefined)
          .resume(),
      )
    }

    test.each<[string, () => void, boolean]>([
      ['its connection goes', () => peers.near.forget('bob'), true],
      ['the transport is closed', () => peers.near.close(), true],
      ['the time is over', () => peers.clock.advance(limits.directConnectMs), false],
    ])('%s: nothing is left of it', async (_name, end, isWorthAfter) => {
      end()
      expect(await peers.settled(opening)).toBeNull()
      await ending()
      expect([peers.near.count('bob'), peers.near.isWorth('bob', '/test/1', loopback)]).toEqual([
        0,
        isWorthAfter,
      ])
    })

    test('a signal ends it with its reason', async () => {
      user.abort(new Error('the user went away'))
      await expect(peers.settled(opening)).rejects.toThrow('the user went away')
      await ending()
      expect(peers.near.isWorth('bob', '/test/1', loopback)).toBe(true)
    })
  })

  test('end with the connection over which they were made', async () => {
    const channel = await peers.open()
    const ends = Promise.all([ended(channel!), ended(peers.accepted[0]!)])
    peers.near.forget('bob')
    expect((await ends).map(codeOf)).toEqual(['peer-vanished', 'peer-vanished'])
  })
})
