import { messageOf } from '@shoal/host'
import { describe, expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { addressOf, codeOf, ended, patterned, receive, refusal, same, signal, type Peers } from './peers.ts'

/** Dialling, finding each other, losing each other. */
export function describeConnections(peers: Peers): void {
  describe('connections', () => {
    test('dial tells the authenticated peer, and both sides hear of it', async () => {
      const heard: string[] = []
      const bobHeard = new Promise<string>((resolve) => peers.bob.onConnect(resolve))
      peers.alice.onConnect((peerId) => heard.push(peerId))
      expect(await peers.alice.dial(addressOf(peers.bob), { signal: signal() })).toBe(peers.bob.peerId)
      expect(await bobHeard).toBe(peers.alice.peerId)
      expect(heard).toEqual([peers.bob.peerId])
      expect(peers.alice.connected()).toEqual([peers.bob.peerId])
      expect(peers.bob.connected()).toEqual([peers.alice.peerId])
    })

    test('every address ends in the peer id', () => {
      expect(peers.alice.addresses().length).toBeGreaterThan(0)
      for (const address of peers.alice.addresses())
        expect(address.endsWith(`/p2p/${peers.alice.peerId}`)).toBe(true)
    })

    test.each(['', 'hello', '/ip4/127.0.0.1', 'http://127.0.0.1:80'])(
      'dialling %j is a bad request',
      async (address) => {
        expect(await refusal(peers.alice.dial(address, { signal: signal() }))).toBe('bad-request')
      },
    )

    test('dialling oneself is a bad request', async () => {
      expect(await refusal(peers.alice.dial(addressOf(peers.alice), { signal: signal() }))).toBe(
        'bad-request',
      )
    })

    test('dialling where nobody listens says so, with the address', async () => {
      const error = await peers.alice
        .dial(peers.world.nobody(), { signal: signal() })
        .catch((error: unknown) => error)
      expect(codeOf(error)).toBe('peer-vanished')
      expect(messageOf(error)).toContain(peers.world.nobody().split('/p2p/')[1])
    })

    test('opening to a peer of which no address is known says so', async () => {
      expect(await refusal(peers.alice.open(peers.bob.peerId, '/test/1', { signal: signal() }))).toBe(
        'peer-vanished',
      )
    })

    test('a signal that is aborted already stops dial and open', async () => {
      peers.alice.learn(peers.bob.peerId, peers.bob.addresses())
      const reason = new Error('the user went away')
      await expect(
        peers.alice.dial(addressOf(peers.bob), { signal: AbortSignal.abort(reason) }),
      ).rejects.toThrow()
      await expect(
        peers.alice.open(peers.bob.peerId, '/test/1', { signal: AbortSignal.abort(reason) }),
      ).rejects.toThrow()
    })

    test('both sides dialling and opening at once get their channels', async () => {
      for (const transport of [peers.alice, peers.bob])
        transport.handle('/echo/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
      peers.alice.learn(peers.bob.peerId, peers.bob.addresses())
      peers.bob.learn(peers.alice.peerId, peers.alice.addresses())
      const channels = await Promise.all([
        peers.alice.open(peers.bob.peerId, '/echo/1', { signal: signal() }),
        peers.bob.open(peers.alice.peerId, '/echo/1', { signal: signal() }),
        peers.alice.open(peers.bob.peerId, '/echo/1', { signal: signal() }),
        peers.bob.open(peers.alice.peerId, '/echo/1', { signal: signal() }),
      ])
      for (const [index, channel] of channels.entries()) {
        const answer = receive(channel, 1)
        await channel.send(patterned(100, index))
        expect(same((await answer)[0], patterned(100, index))).toBe(true)
      }
      expect(peers.alice.connected()).toEqual([peers.bob.peerId])
    })

    test('hanging up tells both sides, and breaks their channels', async () => {
      const { near, far } = await peers.openPair()
      const gone = Promise.all(
        [peers.alice, peers.bob].map(
          (transport) => new Promise<string>((resolve) => transport.onDisconnect(resolve)),
        ),
      )
      const ends = Promise.all([ended(near), ended(far)])
      await peers.alice.hangUp(peers.bob.peerId)
      expect(await gone).toEqual([peers.bob.peerId, peers.alice.peerId])
      expect((await ends).map(codeOf)).toEqual(['peer-vanished', 'peer-vanished'])
      expect(peers.alice.connected()).toEqual([])
      expect(peers.bob.connected()).toEqual([])
    })

    test('closing a transport tells the other side, and a new channel is refused', async () => {
      const { near } = await peers.openPair()
      const gone = new Promise<string>((resolve) => peers.alice.onDisconnect(resolve))
      const end = ended(near)
      await peers.bob.close()
      expect(await gone).toBe(peers.bob.peerId)
      expect(codeOf(await end)).toBe('peer-vanished')
      expect(await refusal(peers.alice.open(peers.bob.peerId, '/test/1', { signal: signal() }))).toBe(
        'peer-vanished',
      )
    })

    test('a round trip is measured', async () => {
      await peers.alice.dial(addressOf(peers.bob), { signal: signal() })
      expect(await peers.alice.ping(peers.bob.peerId, { signal: signal() })).toBeGreaterThanOrEqual(0)
    })

    test('round trips measured at the same time do not cost the connection', async () => {
      await peers.alice.dial(addressOf(peers.bob), { signal: signal() })
      const all = await Promise.all(
        Array.from({ length: 5 }, () => peers.alice.ping(peers.bob.peerId, { signal: signal() })),
      )
      expect(all.every((ms) => ms >= 0)).toBe(true)
      expect(peers.alice.connected()).toEqual([peers.bob.peerId])
    })

    test('a third peer has channels of its own', async () => {
      const carol = await peers.createThird()
      const from: string[] = []
      peers.bob.handle('/test/1', (channel) => channel.onFrame(() => void from.push(channel.remotePeer)))
      for (const transport of [peers.alice, carol]) {
        transport.learn(peers.bob.peerId, peers.bob.addresses())
        const channel = await transport.open(peers.bob.peerId, '/test/1', { signal: signal() })
        await channel.send(new Uint8Array(1))
        await channel.close()
      }
      await expect.poll(() => [...from].sort()).toEqual([peers.alice.peerId, carol.peerId].sort())
    })
  })

  describe('versions', () => {
    test.each([
      ['/shoal/thing/2', 'update this peer'],
      ['/shoal/thing/0', 'update '],
      ['/shoal/other/1', 'it speaks'],
    ])('a peer that speaks %s is named', async (spoken, advice) => {
      peers.bob.handle(spoken, () => undefined)
      peers.alice.learn(peers.bob.peerId, peers.bob.addresses())
      const error = await peers.alice
        .open(peers.bob.peerId, '/shoal/thing/1', { signal: signal() })
        .catch((error: unknown) => error)
      expect(codeOf(error)).toBe('wrong-version')
      expect(messageOf(error)).toContain(spoken)
      expect(messageOf(error)).toContain('/shoal/thing/1')
      expect(messageOf(error)).toContain(advice)
    })
  })

  describe('signatures', () => {
    const text = new TextEncoder().encode('I hold blocks 4 to 8')

    test('are 64 bytes, and verify for the signer only', async () => {
      const signature = await peers.alice.sign(text)
      expect(signature.length).toBe(limits.signatureBytes)
      expect(await peers.bob.verify(peers.alice.peerId, text, signature)).toBe(true)
      expect(await peers.alice.verify(peers.alice.peerId, text, signature)).toBe(true)
      expect(await peers.bob.verify(peers.bob.peerId, text, signature)).toBe(false)
      expect(await peers.alice.verify(peers.alice.peerId, text, await peers.bob.sign(text))).toBe(false)
    })

    test('fail for other bytes, other signatures and ids that are none', async () => {
      const signature = await peers.alice.sign(text)
      const changed = signature.slice()
      changed[10] = (changed[10] ?? 0) ^ 1
      expect(await peers.bob.verify(peers.alice.peerId, text.slice(1), signature)).toBe(false)
      expect(await peers.bob.verify(peers.alice.peerId, text, changed)).toBe(false)
      expect(await peers.bob.verify(peers.alice.peerId, text, signature.slice(1))).toBe(false)
      expect(await peers.bob.verify(peers.alice.peerId, text, new Uint8Array(0))).toBe(false)
      for (const id of ['', 'nobody', `${peers.alice.peerId}x`])
        expect(await peers.bob.verify(id, text, signature)).toBe(false)
    })
  })
}
