import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import { createMemoryNetwork } from '@shoal/network'
import { describe, expect, it } from 'vitest'
import { serveHello, type HelloSelf } from '../hello.ts'
import { settle } from '../../testing/virtual-time.ts'
import { createDiscovery } from './discover.ts'

const hello = (manifest: string | null): HelloSelf => ({
  agent: 'test',
  role: 'node',
  manifest,
  profile: 'f32',
  model: 'demo',
})

function world() {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock, random: seededRandom(1) })
  const listeners: ((peer: string, addresses: readonly string[]) => void)[] = []
  const alice = network.createTransport('alice')
  const discovery = createDiscovery({
    libp2p: { onDiscovery: (listener) => void listeners.push(listener) },
    transport: alice,
    clock,
    logger: silentLogger,
  })
  const peer = (name: string, manifest: string | null | (() => string | null)) => {
    const transport = network.createTransport(name)
    serveHello({ transport, clock, logger: silentLogger }, () =>
      hello(typeof manifest === 'function' ? manifest() : manifest),
    )
    return transport
  }
  const hear = (transport: { peerId: string; addresses(): readonly string[] }): void => {
    for (const listener of listeners) listener(transport.peerId, transport.addresses())
  }
  return { clock, alice, discovery, peer, hear }
}

describe('peers in the local network', () => {
  it('connects to peers of the same swarm, found before and after it follows, and leaves others alone', async () => {
    const { alice, discovery, peer, hear } = world()
    const [bob, carol, dave] = [peer('bob', 'm1'), peer('carol', 'm2'), peer('dave', 'm1')]
    hear(bob)
    hear(carol)
    discovery.follow(() => hello('m1'))
    await expect.poll(() => alice.connected()).toEqual(['bob'])
    hear(dave)
    await expect.poll(() => [...alice.connected()].sort()).toEqual(['bob', 'dave'])
  })

  it('finds the first peer that is in a swarm', async () => {
    const { discovery, peer, hear } = world()
    const address = discovery.firstAddress()
    hear(peer('erin', null))
    hear(peer('frank', 'm1'))
    expect(await address).toContain('frank')
  })

  it('asks a peer that waits itself again, until it is in a swarm', async () => {
    const { clock, discovery, peer, hear } = world()
    let manifest: string | null = null
    const grace = peer('grace', () => manifest)
    const address = discovery.firstAddress()
    hear(grace)
    for (let turn = 0; turn < 5; turn += 1) {
      await settle(60)
      clock.advance(1000)
    }
    manifest = 'm1'
    for (let turn = 0; turn < 3; turn += 1) {
      await settle(60)
      clock.advance(1000)
    }
    expect(await address).toContain('grace')
  })

  it('says what else can be done when nobody is there', async () => {
    const { clock, discovery } = world()
    const address = discovery.firstAddress()
    clock.advance(60_000)
    await expect(address).rejects.toThrow(/--join ADDRESS, or --model REF/)
  })

  it('hears itself without an answer', async () => {
    const { alice, discovery, hear } = world()
    discovery.follow(() => hello('m1'))
    hear(alice)
    expect(alice.connected()).toEqual([])
  })
})
