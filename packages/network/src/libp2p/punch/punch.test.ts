import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { protocols } from '@shoal/protocol'
import { afterEach, expect, test } from 'vitest'
import { signal } from '../../conformance/peers.ts'
import { createLibp2pTransport, type Libp2pTransportOptions } from '../create-transport.ts'
import { createPeerKey } from '../keys.ts'
import { isRelayed } from '../relay/reach.ts'
import { limits } from '../../limits.ts'
import { PunchAttempts } from './attempts.ts'
import { loadDataChannels } from './library.ts'
import { createTestSwarm, type TestMember } from '../testing/test-swarm.ts'

const open: { close(): Promise<void> }[] = []
afterEach(() => Promise.all(open.splice(0).map((each) => each.close())))

/** The second one may be opened by clients too, and bounds what is sent at first. */
const echoes = ['/echo/1', protocols.session]

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
  for (const protocol of echoes)
    transport.handle(protocol, (channel) => channel.onFrame((frame) => channel.send(frame)))
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
  await echo(other, hidden.peerId, new Uint8Array(1), protocols.session)
  return { relay, hidden, other }
}

async function echo(
  from: Transport,
  to: string,
  bytes: Uint8Array,
  protocol = '/echo/1',
): Promise<Uint8Array> {
  const channel = await from.open(to, protocol, { signal: signal() })
  const answered = new Promise<Uint8Array>((resolve, reject) => {
    channel.onFrame(resolve)
    channel.onClose((error) => reject(error ?? new Error('closed')))
  })
  await channel.send(bytes)
  const answer = await answered
  await channel.close()
  return answer
}

/** The package is optional: where it does not load, there is nothing to test. */
const isLoaded = await loadDataChannels().then(
  () => true,
  () => false,
)

test.skipIf(!isLoaded)(
  'a client that holds a grant is answered although it has no record, and a stranger of an open swarm is not',
  async () => {
    const swarm = await createTestSwarm()
    const members = await Promise.all([swarm.member('node'), swarm.member('node'), swarm.member('client')])
    const { hidden, other: client } = await meet(members, { relay: false })
    hidden.prefer?.(() => false)
    await client.punch?.(hidden.peerId, { signal: signal() })
    expect(client.path?.(hidden.peerId)).toEqual({ kind: 'punched', relay: null })

    const strangers = await meet()
    strangers.hidden.prefer?.(() => false)
    const refused = strangers.other.punch?.(strangers.hidden.peerId, { signal: signal() })
    await expect(refused).rejects.toThrow()
    expect(strangers.other.path?.(strangers.hidden.peerId)).toMatchObject({
      kind: 'relayed',
      why: expect.any(String) as string,
    })
  },
)

test('those without a record leave room for members, and each peer waits between two attempts', async () => {
  const attempts = new PunchAttempts({ nowMs: () => 0 })
  const never = new Promise<void>(() => undefined)
  const guests = Array.from({ length: limits.punchesOfGuests }, (_, index) => `guest ${index}`)
  for (const guest of guests) void attempts.run(guest, 'guest', () => never)
  await expect(attempts.run('another', 'guest', () => never)).rejects.toThrow(/under way/)
  await attempts.run('member', 'member', async () => undefined)
  await expect(attempts.run('member', 'member', async () => undefined)).rejects.toThrow(/a moment ago/)
})

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
