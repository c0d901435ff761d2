import { connect } from 'node:tls'
import { createVirtualClock, seededRandom, silentLogger, sleep, type VirtualClock } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { decodeDirect, encodeDirect, protocols, type DirectOffer } from '@shoal/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { codeOf, ended, patterned, receive, same, signal } from '../conformance/peers.ts'
import { limits } from '../limits.ts'
import { createMemoryNetwork } from '../memory/network.ts'
import type { Channel, Transport } from '../transport.ts'
import { createDirectChannels, type DirectChannels } from './direct-channels.ts'
import { isNear } from './near.ts'
import { connectDirect } from './tls.ts'

const loopback = '127.0.0.1'

describe('direct channels', () => {
  let clock: VirtualClock
  let alice: Transport
  let bob: Transport
  let near: DirectChannels
  let far: DirectChannels
  let accepted: Channel[]
  /** The address that bob sees alice at. */
  let seenAt: string | undefined

  beforeEach(async () => {
    clock = createVirtualClock()
    const network = createMemoryNetwork({ clock, random: seededRandom(1) })
    alice = network.createTransport('alice')
    bob = network.createTransport('bob')
    alice.learn('bob', bob.addresses())
    accepted = []
    seenAt = loopback
    const handlerOf = (protocol: string): ((channel: Channel) => void) | undefined => (protocol === '/unserved/1' ? undefined : (channel) => void accepted.push(channel))
    near = await createDirectChannels({ clock, random: seededRandom(2), logger: silentLogger, handlerOf }, [], ['/test/1', '/unserved/1', '/foreign/1'])
    far = await createDirectChannels({ clock, random: seededRandom(2), logger: silentLogger, handlerOf }, [loopback], ['/test/1', '/unserved/1'])
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
  const open = (protocol = '/test/1'): Promise<Channel | null> => settled(near.open('bob', protocol, loopback, ask, signal()))
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
    expect([accepted[0]?.remotePeer, accepted[0]?.protocol, channel?.remotePeer]).toEqual(['alice', '/test/1', 'bob'])
    const there = receive(accepted[0]!, 2)
    await channel!.send(patterned(8192, 1))
    await channel!.send(patterned(200_000, 2))
    expect((await there).map((frame, index) => same(frame, patterned([8192, 200_000][index]!, index + 1)))).toEqual([true, true])
    const back = receive(channel!, 1)
    await accepted[0]!.send(patterned(100, 3))
    expect(same((await back)[0], patterned(100, 3))).toBe(true)
    await channel!.close()
    expect([near.count('bob'), far.count('alice')]).toEqual([0, 0])
  })

  test.each([
    ['a protocol that nobody serves', '/unserved/1', loopback],
    ['a protocol without direct channels', '/foreign/1', loopback],
    ['a peer from far away', '/test/1', '8.8.8.8'],
    ['a peer of another family', '/test/1', '::1'],
    ['a peer behind a relay', '/test/1', undefined],
  ])('are refused to %s, which is not asked again on this connection', async (_name, protocol, address) => {
    seenAt = address
    expect(near.isWorth('bob', protocol, loopback)).toBe(true)
    expect(await open(protocol)).toBeNull()
    expect(near.isWorth('bob', protocol, loopback)).toBe(false)
    near.forget('bob')
    expect(near.isWorth('bob', protocol, loopback)).toBe(true)
    expect(accepted).toEqual([])
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

  test('an offer ends', async () => {
    const offer = await offered()
    clock.advance(limits.directOfferMs)
    await expect(connectDirect(loopback, offer, signal())).rejects.toMatchObject({ code: 'peer-vanished' })
    expect(accepted).toEqual([])
  })

  test.each([
    ['another key', (offer: DirectOffer) => ({ ...offer, key: new Uint8Array(32).fill(1) })],
    ['another identity', (offer: DirectOffer) => ({ ...offer, identity: '0'.repeat(32) })],
  ])('who comes with %s is not let in', async (_name, change) => {
    await expect(connectDirect(loopback, change(await offered()), signal())).rejects.toMatchObject({ code: 'peer-vanished' })
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
    void channel.send(...encodeDirect({ type: 'direct-offer', port: 1, identity: 'x', key: new Uint8Array(32) }))
    expect(await settled(end)).toBeInstanceOf(Error)
  })
})

test.each([
  ['127.0.0.1', true], ['10.1.2.3', true], ['172.16.0.1', true], ['172.32.0.1', false], ['192.168.1.7', true], ['169.254.0.9', true], ['100.100.1.1', true],
  ['8.8.8.8', false], ['192.169.0.1', false], ['::1', true], ['fd00::1', true], ['fe80::1', true], ['2001:db8::1', false], ['::ffff:10.0.0.1', true], ['no address', false],
])('%s is near: %s', (address, expected) => {
  expect(isNear(address)).toBe(expected)
})
