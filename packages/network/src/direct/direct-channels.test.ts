import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { connect } from 'node:tls'
import {
  createVirtualClock,
  seededRandom,
  ShoalError,
  silentLogger,
  sleep,
  type VirtualClock,
} from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { decodeDirect, encodeDirect, protocols, type DirectOffer } from '@shoal/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { codeOf, ended, patterned, receive, same, signal } from '../conformance/peers.ts'
import { limits } from '../limits.ts'
import { createMemoryNetwork } from '../memory/network.ts'
import type { Channel, Transport } from '../transport.ts'
import { createDirectChannels, type DirectChannels } from './direct-channels.ts'
import { isNear, reaches } from './near.ts'
import { connectDirect } from './tls.ts'

const loopback = '127.0.0.1'

describe('direct channels', () => {
  let clock: VirtualClock
  let alice: Transport
  let bob: Transport
  let near: DirectChannels
  let far: DirectChannels
  let accepted: Channel[]
  let accept: (channel: Channel) => void
  /** The address that bob sees alice at. */
  let seenAt: string | undefined

  beforeEach(async () => {
    clock = createVirtualClock()
    const network = createMemoryNetwork({ clock, random: seededRandom(1) })
    alice = network.createTransport('alice')
    bob = network.createTransport('bob')
    alice.learn('bob', bob.addresses())
    accepted = []
    accept = (channel) => void accepted.push(channel)
    seenAt = loopback
    const handlerOf = (protocol: string): ((channel: Channel) => void) | undefined =>
      protocol === '/unserved/1' ? undefined : (channel) => accept(channel)
    near = await createDirectChannels(
      { clock, random: seededRandom(2), logger: silentLogger, handlerOf },
      [],
      ['/test/1', '/unserved/1', '/foreign/1'],
    )
    far = await createDirectChannels(
      { clock, random: seededRandom(2), logger: silentLogger, handlerOf },
      [loopback],
      ['/test/1', '/unserved/1'],
    )
    bob.handle(protocols.direct, (channel) => far.answer(channel, seenAt))
  })
  afterEach(async () => {
    near.close()
    far.close()
    await alice.close()
    await bob.close()
  })

  const settled = async <T>(promise: Promise<T>): Promise<T> => {
    let over = false
    const end = (): void => void (over = true)
    promise.then(end, end)
    // The memory network's journeys take no time, and still are timers.
    while (!over) {
      clock.advance(0)
      await sleep(systemClock, 0)
    }
    return promise
  }
  const ask = (): Promise<Channel> => alice.open('bob', protocols.direct, { signal: signal() })
  const open = (protocol = '/test/1'): Promise<Channel | null> =>
    settled(near.open('bob', protocol, loopback, ask, signal()))
  const offered = async (): Promise<DirectOffer> => {
    const channel = await settled(ask())
    const answer = receive(channel, 1)
    void channel.send(...encodeDirect({ type: 'direct-ask', channel: '/test/1' }))
    const [frame] = await settled(answer)
    const message = decodeDirect(frame!)
    if (message.type !== 'direct-offer') throw new Error(message.type)
    return message
  }

  test('carry frames both ways, and are known to both sides', async () => {
    const channel = await open()
    expect([near.count('bob'), far.count('alice')]).toEqual([1, 1])
    expect([accepted[0]?.remotePeer, accepted[0]?.protocol, channel?.remotePeer]).toEqual([
      'alice',
      '/test/1',
      'bob',
    ])
    const there = receive(accepted[0]!, 2)
    await channel!.send(patterned(8192, 1))
    await channel!.send(patterned(200_000, 2))
    expect(
      (await there).map((frame, index) => same(frame, patterned([8192, 200_000][index]!, index + 1))),
    ).toEqual([true, true])
    const back = receive(channel!, 1)
    await accepted[0]!.send(patterned(100, 3))
    expect(same((await back)[0], patterned(100, 3))).toBe(true)
    await channel!.close()
    expect([near.count('bob'), far.count('alice')]).toEqual([0, 0])
  })

  test.each([
    ['from far away', '8.8.8.8'],
    ['of another family', '::1'],
    ['of another machine, when only this one is listened for', '192.168.1.7'],
    ['behind a relay', undefined],
  ])(
    'are refused to a peer %s, which does not ask again on this connection, or for a while',
    async (_name, address) => {
      seenAt = address
      expect(near.isWorth('bob', '/test/1', loopback)).toBe(true)
      expect(await open()).toBeNull()
      expect(near.isWorth('bob', '/test/1', loopback)).toBe(false)
      near.forget('bob')
      expect(near.isWorth('bob', '/test/1', loopback)).toBe(true)
      expect(await open()).toBeNull()
      clock.advance(limits.directRetryMs)
      expect(near.isWorth('bob', '/test/1', loopback)).toBe(true)
      expect(accepted).toEqual([])
    },
  )

  test.each([
    ['that nobody serves', '/unserved/1'],
    ['without direct channels', '/foreign/1'],
  ])('are refused for a protocol %s, which says nothing of others', async (_name, protocol) => {
    expect(await open(protocol)).toBeNull()
    expect(near.isWorth('bob', '/test/1', loopback)).toBe(true)
    expect(await open()).not.toBeNull()
  })

  test('have a limit, and the next one comes when there is room', async () => {
    const channels: (Channel | null)[] = []
    for (let count = 0; count < limits.channelsPerProtocol; count += 1) channels.push(await open())
    expect(channels.every((channel) => channel !== null)).toBe(true)
    expect(await open()).toBeNull()
    expect(near.isWorth('bob', '/test/1', loopback)).toBe(true)
    const gone = ended(accepted[0]!)
    channels[0]!.abort(new Error('enough'))
    await gone
    expect(await open()).not.toBeNull()
  })

  test('a peer that knows nothing of them is not asked again', async () => {
    expect(
      await settled(
        near.open(
          'carol',
          '/test/1',
          loopback,
          () => Promise.reject(new ShoalError('wrong-version', 'what?')),
          signal(),
        ),
      ),
    ).toBeNull()
    expect(near.isWorth('carol', '/test/1', loopback)).toBe(false)
  })

  test.each<[string, () => Promise<Channel>]>([
    [
      'cannot leave',
      async () => {
        const channel = await ask()
        channel.abort(new Error('gone'))
        return channel
      },
    ],
    [
      'is not answered',
      async () => {
        bob.handle(protocols.direct, () => clock.advance(limits.directConnectMs))
        return ask()
      },
    ],
    [
      'comes too late',
      async () => {
        bob.handle(protocols.direct, () => undefined)
        const channel = await ask()
        clock.advance(limits.directConnectMs)
        return channel
      },
    ],
  ])('an ask that %s leaves the stream, this time', async (_name, openAsk) => {
    expect(await settled(near.open('bob', '/test/1', loopback, openAsk, signal()))).toBeNull()
    expect(near.isWorth('bob', '/test/1', loopback)).toBe(true)
  })

  test('a handler that fails ends its channel', async () => {
    let calls = 0
    accept = () => {
      calls += 1
      throw new Error('cannot')
    }
    const channel = await open()
    // It may be gone before its opener has heard of the end of the handshake.
    if (channel !== null) expect(codeOf(await ended(channel))).toBe('peer-vanished')
    expect([calls, far.count('alice')]).toEqual([1, 0])
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
      bob.handle(protocols.direct, (channel) =>
        channel.onFrame(() =>
          channel.send(
            ...encodeDirect({ type: 'direct-offer', port, identity: 'x', key: new Uint8Array(32) }),
          ),
        ),
      )
      user = new AbortController()
      opening = near.open('bob', '/test/1', loopback, ask, user.signal)
      opening.catch(() => undefined)
      await settled(arrived)
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
      ['its connection goes', () => near.forget('bob'), true],
      ['the transport is closed', () => near.close(), true],
      ['the time is over', () => clock.advance(limits.directConnectMs), false],
    ])('%s: nothing is left of it', async (_name, end, isWorthAfter) => {
      end()
      expect(await settled(opening)).toBeNull()
      await ending()
      expect([near.count('bob'), near.isWorth('bob', '/test/1', loopback)]).toEqual([0, isWorthAfter])
    })

    test('a signal ends it with its reason', async () => {
      user.abort(new Error('the user went away'))
      await expect(settled(opening)).rejects.toThrow('the user went away')
      await ending()
      expect(near.isWorth('bob', '/test/1', loopback)).toBe(true)
    })
  })

  test('end with the connection over which they were made', async () => {
    const channel = await open()
    const ends = Promise.all([ended(channel!), ended(accepted[0]!)])
    near.forget('bob')
    expect((await ends).map(codeOf)).toEqual(['peer-vanished', 'peer-vanished'])
  })

  test('an offer is taken once', async () => {
    const offer = await offered()
    const socket = await connectDirect(loopback, offer, signal())
    await expect(connectDirect(loopback, offer, signal())).rejects.toMatchObject({ code: 'peer-vanished' })
    expect(accepted).toHaveLength(1)
    socket.destroy()
  })

  test.each<[string, () => void]>([
    ['after its time', () => clock.advance(limits.directOfferMs)],
    ['with the connection over which it was made', () => far.forget('alice')],
  ])('an offer ends %s', async (_name, end) => {
    const offer = await offered()
    end()
    await expect(connectDirect(loopback, offer, signal())).rejects.toMatchObject({ code: 'peer-vanished' })
    expect(accepted).toEqual([])
  })

  test.each([
    ['another key', (offer: DirectOffer) => ({ ...offer, key: new Uint8Array(32).fill(1) })],
    ['another identity', (offer: DirectOffer) => ({ ...offer, identity: '0'.repeat(32) })],
  ])('who comes with %s is not let in', async (_name, change) => {
    await expect(connectDirect(loopback, change(await offered()), signal())).rejects.toMatchObject({
      code: 'peer-vanished',
    })
    expect(accepted).toEqual([])
  })

  test('who comes without a key is not let in', async () => {
    const { port } = await offered()
    const socket = connect({ host: loopback, port, rejectUnauthorized: false })
    await new Promise((resolve) => socket.once('error', resolve))
    expect(accepted).toEqual([])
  })

  test('offers have a limit', async () => {
    for (let count = 0; count < limits.directOffersPerPeer; count += 1) await offered()
    await expect(offered()).rejects.toThrow('refused')
    clock.advance(limits.directOfferMs)
    await offered()
  })

  test('a frame that is no ask ends the channel it came on', async () => {
    const channel = await settled(ask())
    const end = ended(channel)
    void channel.send(
      ...encodeDirect({ type: 'direct-offer', port: 1, identity: 'x', key: new Uint8Array(32) }),
    )
    expect(await settled(end)).toBeInstanceOf(Error)
  })
})

test.each([
  ['127.0.0.1', true],
  ['10.1.2.3', true],
  ['172.16.0.1', true],
  ['172.32.0.1', false],
  ['192.168.1.7', true],
  ['169.254.0.9', true],
  ['100.100.1.1', true],
  ['8.8.8.8', false],
  ['192.169.0.1', false],
  ['::1', true],
  ['fd00::1', true],
  ['fe80::1', true],
  ['2001:db8::1', false],
  ['::ffff:10.0.0.1', true],
  ['no address', false],
])('%s is near: %s', (address, expected) => {
  expect(isNear(address)).toBe(expected)
})

test.each([
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', '0.0.0.0', true],
  ['192.168.1.7', '0.0.0.0', true],
  ['192.168.1.7', '192.168.1.5', true],
  ['fd00::1', '::', true],
  ['::1', '::1', true],
  ['192.168.1.7', '127.0.0.1', false],
  ['127.0.0.1', '192.168.1.5', false],
  ['127.0.0.1', '::', false],
  ['::1', '0.0.0.0', false],
  ['fd00::1', '::1', false],
])('%s reaches what listens at %s: %s', (address, host, expected) => {
  expect(reaches(address, host)).toBe(expected)
})
