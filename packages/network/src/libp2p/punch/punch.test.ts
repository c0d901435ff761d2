import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { afterEach, expect, test } from 'vitest'
import { signal } from '../../conformance/peers.ts'
import { createLibp2pTransport, type Libp2pTransportOptions } from '../create-transport.ts'
import { createPeerKey } from '../keys.ts'
import { isRelayed } from '../relay/reach.ts'
import { loadDataChannels } from './library.ts'
import { createTestSwarm, type TestMember } from '../testing/test-swarm.ts'

const open: { close(): Promise<void> }[] = []
afterEach(() => Promise.all(open.splice(0).map((each) => each.close())))

/** On one machine the router's address is that of the machine itself. */
const punch = {
  random: systemRandom,
  reaches: (ip: string) => ip === '127.0.0.1',
  mayDial: () => true,
}

async function start(options: Partial<Libp2pTransportOptions> = {}) {
  const transport = await createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock: systemClock,
    logger: silentLogger,
    listen: [],
    punch,
    ...options,
  })
  transport.handle('/echo/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
  open.push(transport)
  return transport
}

type Transport = Awaited<ReturnType<typeof start>>

/** A relay and two peers that nobody can dial, connected through it. */
async function meet(members: readonly (TestMember | undefined)[] = [], options: object = {}) {
  const [relay, hidden, other] = await Promise.all([
    start({ listen: ['/ip4/127.0.0.1/tcp/0'], relay: true, ...members[0] }),
    start({ ...members[1] }),
    start({ ...members[2], ...options }),
  ])
  const at = relay.addresses()[0] ?? ''
  for (const peer of [hidden, other]) await peer.dial(at, { signal: signal() })
  await hidden.reserve?.(relay.peerId)
  other.learn(hidden.peerId, hidden.addresses().filter(isRelayed))
  await echo(other, hidden.peerId, new Uint8Array(1))
  return { relay, hidden, other }
}

async function echo(from: Transport, to: string, bytes: Uint8Array): Promise<Uint8Array> {
  const channel = await from.open(to, '/echo/1', { signal: signal() })
  const echoed = new Promise<Uint8Array>((resolve, reject) => {
    channel.onFrame(resolve)
    channel.onClose((error) => reject(error ?? new Error('closed')))
  })
  await channel.send(bytes)
  const answer = await echoed
  await channel.close()
  return answer
}

/** The package is optional: where it does not load, there is nothing to test. */
const isLoaded = await loadDataChannels().then(
  () => true,
  () => false,
)

test.skipIf(!isLoaded)(
  'members behind routers connect through both, admitted inside the encryption, and go back to the relay',
  async () => {
    const swarm = await createTestSwarm()
    const members = await Promise.all([swarm.member('node'), swarm.member('node'), swarm.member('node')])
    const { relay, hidden, other } = await meet(members)
    expect(other.path?.(hidden.peerId)).toEqual({ kind: 'relayed', relay: relay.peerId })
    await other.punch?.(hidden.peerId, { signal: signal() })
    expect(other.path?.(hidden.peerId)).toEqual({ kind: 'punched', relay: null })
    const sent = new Uint8Array(300_000).map((_, index) => index * 7)
    expect(await echo(other, hidden.peerId, sent)).toEqual(sent)
    expect(await echo(hidden, other.peerId, sent)).toEqual(sent)
    expect(hidden.path?.(other.peerId)?.kind).toBe('punched')
    // The relay is needed no longer.
    await relay.close()
    expect(await echo(other, hidden.peerId, sent.subarray(0, 10))).toEqual(sent.subarray(0, 10))
    // A grant that ends closes this connection as any other.
    swarm.revoke(members[1])
    expect(other.path?.(hidden.peerId)).toBeNull()
  },
)
