import { connect } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createVirtualClock, messageOf, seededRandom, silentLogger } from '@shoal/host'
import { protocols } from '@shoal/protocol'
import { swarmDoor, type Role } from '@shoal/trust'
import { createLibp2p } from 'libp2p'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { standingOf } from '../../admission/standings.ts'
import { codeOf, ended, signal } from '../../conformance/peers.ts'
import { createLibp2pTransport, type Libp2pTransportOptions } from '../create-transport.ts'
import { dhtProtocol } from '../dht/keys.ts'
import { createPeerKey } from '../keys.ts'
import { createTestSwarm, dayOfGrants, type TestMember, type TestSwarm } from '../testing/test-swarm.ts'
import type { Libp2pTransport } from '../transport-parts.ts'

const clock = createVirtualClock()
const day = 24 * 3600
let swarm: TestSwarm
let inside: Libp2pTransport
/** What a stranger must never cause. */
const events: string[] = []
const open: { close(): Promise<void> }[] = []

const create = async (
  member: Partial<TestMember>,
  options: Partial<Libp2pTransportOptions> = {},
): Promise<Libp2pTransport> =>
  createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock,
    logger: silentLogger,
    ...member,
    ...options,
  })

const start = async (member: Partial<TestMember>): Promise<Libp2pTransport> => {
  const transport = await create(member)
  open.push(transport)
  return transport
}

const dial = (from: Libp2pTransport): Promise<string> =>
  from.dial(inside.addresses()[0] ?? '', { signal: signal() }).then(
    () => 'admitted',
    (error: unknown) => messageOf(error),
  )

beforeAll(async () => {
  swarm = await createTestSwarm()
  inside = await create(await swarm.member('admin'), {
    directory: { rules: { isNewer: () => true, isValid: () => true } as never, serve: true },
    direct: { protocols: ['/echo/1'], random: seededRandom(1) },
  })
  inside.onConnect((peer) => events.push(`connect ${peer}`))
  for (const protocol of [...Object.values(protocols).filter((each) => each !== protocols.direct), '/echo/1'])
    inside.handle(protocol, (channel) => {
      events.push(`channel ${protocol}`)
      channel.onFrame((frame) => channel.send(frame))
    })
})
afterEach(async () => {
  swarm.setNow(dayOfGrants)
  await Promise.all(open.splice(0).map((each) => each.close()))
  events.splice(0)
})
afterAll(() => inside.close())

describe('a stranger', () => {
  test('without the secret is refused by the handshake, and no event reaches the node', async () => {
    const stranger = await start({})
    expect(await dial(stranger)).toContain('ask its admin for an invite')
    expect(events).toEqual([])
  })

  test('with another swarm’s secret and grant is refused alike', async () => {
    const other = await createTestSwarm(new Uint8Array(16).fill(8))
    expect(await dial(await start(await other.member('admin')))).toContain('ask its admin for an invite')
    expect(events).toEqual([])
  })

  test('that is a plain libp2p node gets no connection, identify or stream', async () => {
    const plain: Libp2p = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify() },
    })
    open.push({ close: async () => plain.stop() })
    await expect(plain.dial(multiaddr(inside.addresses()[0] ?? ''))).rejects.toThrow('could not negotiate')
    expect(events).toEqual([])
    expect(plain.getConnections()).toEqual([])
  })

  test('that guesses the name of the encryption, but not the secret, fails in the handshake', async () => {
    const plain: Libp2p = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [
        (components) => {
          const encrypter = noise()(components)
          Object.assign(encrypter, { protocol: `/shoal-noise/${swarmDoor(new Uint8Array(16).fill(7)).tag}` })
          return encrypter
        },
      ],
      streamMuxers: [yamux()],
    })
    open.push({ close: async () => plain.stop() })
    await expect(plain.dial(multiaddr(inside.addresses()[0] ?? ''))).rejects.toThrow()
    expect(events).toEqual([])
  })

  test('that sends bytes of its own gets only the close of the connection', async () => {
    const port = Number(/tcp\/(\d+)/.exec(inside.addresses()[0] ?? '')?.[1])
    const socket = connect(port, '127.0.0.1')
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => undefined)
    socket.end('GET / HTTP/1.1\r\n\r\n'.repeat(100))
    socket.resume()
    await closed
    expect(events).toEqual([])
  })
})

describe('whoever knows the secret', () => {
  test.each<[string, (swarm: TestSwarm) => Promise<TestMember>, string]>([
    ['with a grant of another peer', async (of) => of.impostor(await of.member('node')), 'no valid grant'],
    [
      'with a grant that nobody of the swarm signed',
      (of) => of.member('node', ({ subject }) => ({ issuer: subject })),
      'no valid grant',
    ],
    [
      'with a grant that ended more than a day ago',
      (of) => of.member('node', () => ({ until: dayOfGrants - day - 1 })),
      'expired',
    ],
    [
      'with a grant that begins in more than a day',
      (of) => of.member('node', () => ({ from: dayOfGrants + day + 1 })),
      'no valid grant',
    ],
  ])('%s is told why, and reaches nothing', async (_name, member, reason) => {
    expect(await dial(await start(await member(swarm)))).toContain(reason)
    expect(events).toEqual([])
  })

  test.each([
    ['a day behind', -day],
    ['a day ahead', day],
  ])('a member is admitted by a peer whose clock is %s', async (_name, seconds) => {
    const member = await start(await swarm.member('node'))
    swarm.setNow(dayOfGrants + seconds)
    expect(await dial(member)).toBe('admitted')
  })
})

const everything = ['hello', 'members', 'blobs', 'session', 'charter', 'group'] as const

test.each<[Role, readonly string[]]>([
  ['client', ['hello', 'members', 'blobs', 'session', 'charter']],
  ['node', [...everything, '/echo/1']],
  ['admin', [...everything, '/echo/1']],
])('a %s opens %j, and no other protocol', async (role, allowed) => {
  const member = await start(await swarm.member(role))
  member.learn(inside.peerId, inside.addresses())
  expect(await dial(member)).toBe('admitted')
  expect(standingOf(inside, member.peerId)?.role).toBe(role)
  for (const name of [...everything, '/echo/1'] as const) {
    const protocol = name === '/echo/1' ? name : protocols[name]
    const channel = await member.open(inside.peerId, protocol, { signal: signal() })
    const echoed = new Promise<boolean>((resolve) => channel.onFrame(() => resolve(true)))
    channel.send(new Uint8Array(8)).catch(() => undefined)
    const opened = await Promise.race([echoed, ended(channel).then(() => false)])
    expect([name, opened]).toEqual([name, allowed.includes(name)])
    channel.abort(new Error('done'))
  }
  expect(events.filter((event) => event.startsWith('channel')).length).toBe(allowed.length)
})

test.each<[Role, number]>([
  ['client', 0],
  ['node', 1],
])('the directory takes what a %s says: %i entries', async (role, entries) => {
  const before = inside.directory?.stats().entries ?? 0
  const member = await create(await swarm.member(role), {
    directory: { rules: { isNewer: () => true, isValid: () => true } as never, serve: false },
  })
  open.push(member)
  expect(await dial(member)).toBe('admitted')
  if (role === 'client') {
    member.learn(inside.peerId, inside.addresses())
    const channel = await member.open(inside.peerId, dhtProtocol, { signal: signal() })
    expect(codeOf(await ended(channel))).toBe('peer-vanished')
  } else await member.directory?.whenReady(signal())
  await member.directory?.provide(`topic of a ${role}`, { signal: signal() })
  await expect.poll(() => (inside.directory?.stats().entries ?? 0) - before).toBe(entries)
})

test('a member whose grant is revoked loses its connections at once, and is not admitted again', async () => {
  const grant = await swarm.member('node')
  const member = await start(grant)
  expect(await dial(member)).toBe('admitted')
  member.learn(inside.peerId, inside.addresses())
  const channel = await member.open(inside.peerId, '/echo/1', { signal: signal() })
  const gone = new Promise<string>((resolve) => member.onDisconnect(resolve))
  swarm.revoke(grant)
  expect(codeOf(await ended(channel))).toBe('peer-vanished')
  expect(await gone).toBe(inside.peerId)
  expect(standingOf(inside, member.peerId)).toBeNull()
  expect(await dial(member)).toContain('revoked')
})
