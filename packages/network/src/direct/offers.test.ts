import { connect } from 'node:tls'
import { encodeDirect, type DirectOffer } from '@shoal/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ended, signal } from '../conformance/peers.ts'
import { limits } from '../limits.ts'
import { createDirectPeers, loopback, type DirectPeers } from './testing/direct-peers.ts'
import { connectDirect } from './tls.ts'

describe('offers of a direct channel', () => {
  let peers: DirectPeers
  beforeEach(async () => {
    peers = await createDirectPeers()
  })
  afterEach(() => peers.close())

  test('an offer is taken once', async () => {
    const offer = await peers.offered()
    const socket = await connectDirect(loopback, offer, signal())
    await expect(connectDirect(loopback, offer, signal())).rejects.toMatchObject({ code: 'peer-vanished' })
    expect(peers.accepted).toHaveLength(1)
    socket.destroy()
  })

  test.each<[string, () => void]>([
    ['after its time', () => peers.clock.advance(limits.directOfferMs)],
    ['with the connection over which it was made', () => peers.far.forget('alice')],
  ])('an offer ends %s', async (_name, end) => {
    const offer = await peers.offered()
    end()
    await expect(connectDirect(loopback, offer, signal())).rejects.toMatchObject({ code: 'peer-vanished' })
    expect(peers.accepted).toEqual([])
  })

  test.each([
    ['another key', (offer: DirectOffer) => ({ ...offer, key: new Uint8Array(32).fill(1) })],
    ['another identity', (offer: DirectOffer) => ({ ...offer, identity: '0'.repeat(32) })],
  ])('a connection with %s is refused', async (_name, change) => {
    await expect(connectDirect(loopback, change(await peers.offered()), signal())).rejects.toMatchObject({
      code: 'peer-vanished',
    })
    expect(peers.accepted).toEqual([])
  })

  test('a connection without a key is refused', async () => {
    const { port } = await peers.offered()
    const socket = connect({ host: loopback, port, rejectUnauthorized: false })
    await new Promise((resolve) => socket.once('error', resolve))
    expect(peers.accepted).toEqual([])
  })

  test('offers have a limit', async () => {
    for (let count = 0; count < limits.directOffersPerPeer; count += 1) await peers.offered()
    await expect(peers.offered()).rejects.toThrow('refused')
    peers.clock.advance(limits.directOfferMs)
    await peers.offered()
  })

  test('a frame other than an ask ends the channel it came on', async () => {
    const channel = await peers.settled(peers.ask())
    const end = ended(channel)
    void channel.send(
      ...encodeDirect({ type: 'direct-offer', port: 1, identity: 'x', key: new Uint8Array(32) }),
    )
    expect(await peers.settled(end)).toBeInstanceOf(Error)
  })
})
