import { createVirtualClock, silentLogger } from '@shoal/host'
import { protocols } from '@shoal/protocol'
import { afterAll, expect, test } from 'vitest'
import { codeOf, signal } from '../../conformance/peers.ts'
import { createLibp2pTransport } from '../create-transport.ts'
import { createPeerKey } from '../keys.ts'
import type { Libp2pTransport } from '../transport-parts.ts'

const clock = createVirtualClock()
const open: Libp2pTransport[] = []
afterAll(() => Promise.all(open.map((each) => each.close())))

async function create(bare: boolean): Promise<Libp2pTransport> {
  const transport = await createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock,
    logger: silentLogger,
    bare,
  })
  open.push(transport)
  return transport
}

test('a door answers the pairing protocol, and neither identify, ping nor any protocol of the swarm', async () => {
  const [door, stranger] = [await create(true), await create(false)]
  door.handle(protocols.pair, (channel) => channel.onFrame((frame) => channel.send(frame)))
  const peer = await stranger.dial(door.addresses()[0] ?? '', { signal: signal() })
  const channel = await stranger.open(peer, protocols.pair, { signal: signal() })
  const echoed = new Promise<Uint8Array>((resolve) => channel.onFrame(resolve))
  await channel.send(Uint8Array.of(7))
  expect([...(await echoed)]).toEqual([7])
  const others = Object.values(protocols).filter((protocol) => protocol !== protocols.pair)
  for (const protocol of [...others, '/ipfs/id/1.0.0', '/ipfs/ping/1.0.0', '/shoal/kad/1.0.0'])
    expect([
      protocol,
      await stranger.open(peer, protocol, { signal: signal() }).then(() => 'opened', codeOf),
    ]).toEqual([protocol, 'wrong-version'])
  await expect(stranger.ping(peer, { signal: signal() })).rejects.toThrow('did not answer')
})
