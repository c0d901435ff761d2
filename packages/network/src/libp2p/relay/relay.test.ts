import { noise } from '@chainsafe/libp2p-noise'
import { circuitRelayServer } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { messageOf, silentLogger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { createLibp2p } from 'libp2p'
import { afterEach, expect, test } from 'vitest'
import { refusal, signal } from '../../conformance/peers.ts'
import { limits } from '../../limits.ts'
import type { Transport } from '../../transport.ts'
import { createLibp2pTransport, type Libp2pTransportOptions } from '../create-transport.ts'
import { createPeerKey } from '../keys.ts'
import { createTestSwarm } from '../testing/test-swarm.ts'
import { isRelayed } from './reach.ts'

const open: { close(): Promise<void> }[] = []
afterEach(() => Promise.all(open.splice(0).map((each) => each.close())))

/** A transport that nobody can dial, unless `listen` says otherwise. */
async function start(options: Partial<Libp2pTransportOptions> = {}) {
  const transport = await createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock: systemClock,
    logger: silentLogger,
    listen: [],
    ...options,
  })
  transport.handle('/echo/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
  open.push(transport)
  return transport
}

const loopback = { listen: ['/ip4/127.0.0.1/tcp/0'], relay: true }

/** Gives `hidden` a slot at the relay. @returns the address through it */
async function reserve(hidden: Transport, relay: string, relayId: string): Promise<string> {
  await hidden.dial(relay, { signal: signal() })
  await hidden.reserve?.(relayId)
  return hidden.addresses().find(isRelayed) ?? ''
}

async function echo(from: Transport, to: string, bytes: Uint8Array): Promise<Uint8Array> {
  const channel = await from.open(to, '/echo/1', { signal: signal() })
  const echoed = new Promise<Uint8Array>((resolve) => channel.onFrame(resolve))
  await channel.send(bytes)
  return echoed
}

test('a peer that cannot be dialled is reached through the relay at which it has a slot', async () => {
  const [relay, hidden, other] = await Promise.all([start(loopback), start(), start()])
  const address = await reserve(hidden, relay.addresses()[0] ?? '', relay.peerId)
  expect(address).toBe(`${relay.addresses()[0]}/p2p-circuit/p2p/${hidden.peerId}`)
  // A slot of its own at the same relay makes no difference.
  await reserve(other, relay.addresses()[0] ?? '', relay.peerId)
  other.learn(hidden.peerId, [address])
  const sent = new Uint8Array(300_000).fill(7)
  expect(await echo(other, hidden.peerId, sent)).toEqual(sent)
  expect(other.path?.(hidden.peerId)).toEqual({ kind: 'relayed', relay: relay.peerId })
  expect(hidden.path?.(other.peerId)).toEqual({ kind: 'relayed', relay: relay.peerId })
  expect(other.path?.(relay.peerId)).toEqual({ kind: 'direct', relay: null })
  expect(hidden.networkOf?.(other.peerId)).toBe(relay.peerId)
})

test('the address through a relay is no longer told when the relay has gone', async () => {
  const [relay, hidden] = await Promise.all([start(loopback), start()])
  await reserve(hidden, relay.addresses()[0] ?? '', relay.peerId)
  const gone = new Promise<string>((resolve) => hidden.onDisconnect(resolve))
  await relay.close()
  expect(await gone).toBe(relay.peerId)
  expect(hidden.addresses()).toEqual([])
})

test('a node that does not relay gives no slot, and a relay gives none to peers without a record', async () => {
  const [plain, relay, hidden] = await Promise.all([
    start({ ...loopback, relay: false }),
    start(loopback),
    start(),
  ])
  relay.prefer?.(() => false)
  for (const { addresses, peerId } of [plain, relay].map((each) => ({
    addresses: each.addresses(),
    peerId: each.peerId,
  })))
    expect(await refusal(reserve(hidden, addresses[0] ?? '', peerId))).toBe('no-capacity')
  expect(hidden.addresses()).toEqual([])
})

test('in a private swarm a relayed peer is admitted by its grant, at the far end', async () => {
  const swarm = await createTestSwarm()
  const [relayKey, hiddenKey, otherKey] = await Promise.all([
    swarm.member('admin'),
    swarm.member('node'),
    swarm.member('client'),
  ])
  const [relay, hidden, other] = await Promise.all([
    start({ ...loopback, ...relayKey }),
    start(hiddenKey),
    start(otherKey),
  ])
  const address = await reserve(hidden, relay.addresses()[0] ?? '', relay.peerId)
  await other.dial(address, { signal: signal() })
  expect(hidden.standing?.(other.peerId)?.role).toBe('client')
  expect(other.standing?.(hidden.peerId)?.role).toBe('node')
  // Who shows the grant of another is refused by the relay, and without the relay there is no way.
  const impostor = await start(await swarm.impostor(otherKey))
  const refused = await impostor
    .dial(address, { signal: signal() })
    .catch((error: unknown) => messageOf(error))
  expect(refused).toContain('grant')
  expect(hidden.standing?.(impostor.peerId)).toBeNull()
})

test('a relayed peer is dialled directly beside its channels, and reached when the relay is gone', async () => {
  const [relay, open, other] = await Promise.all([start(loopback), start(loopback), start()])
  const [direct = ''] = open.addresses()
  const address = await reserve(open, relay.addresses()[0] ?? '', relay.peerId)
  await other.dial(address, { signal: signal() })
  expect(await refusal(Promise.resolve(other.upgrade?.(open.peerId, { signal: signal() })))).toBe(
    'peer-vanished',
  )
  const earlier = await other.open(open.peerId, '/echo/1', { signal: signal() })
  other.learn(open.peerId, [address, direct])
  await other.upgrade?.(open.peerId, { signal: signal() })
  expect(other.path?.(open.peerId)?.kind).toBe('direct')
  const echoed = new Promise<Uint8Array>((resolve) => earlier.onFrame(resolve))
  await earlier.send(new Uint8Array([1, 2]))
  expect(await echoed).toEqual(new Uint8Array([1, 2]))
  const ended = new Promise((resolve) => earlier.onClose(resolve))
  await relay.close()
  await ended
  expect(await echo(other, open.peerId, new Uint8Array(9))).toEqual(new Uint8Array(9))
  expect(open.path?.(other.peerId)?.kind).toBe('direct')
})

/** A relay of another program, whose streams the test may read and change, with a relayed connection between two peers. */
async function throughForeignRelay() {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      relay: circuitRelayServer({ reservations: { applyDefaultLimit: false } }),
    },
  })
  open.push({ close: async () => node.stop() })
  const [hidden, other] = await Promise.all([start(), start()])
  const address = await reserve(hidden, node.getMultiaddrs()[0]?.toString() ?? '', node.peerId.toString())
  await other.dial(address, { signal: signal() })
  return { hidden, other, address, streams: node.getConnections().flatMap(({ streams }) => streams) }
}

test('a relay that looks at what it forwards finds no plaintext', async () => {
  const { hidden, other, streams } = await throughForeignRelay()
  let forwarded = 0
  let plain = 0
  const secret = Buffer.alloc(64, 7)
  for (const stream of streams)
    stream.addEventListener('message', ({ data }) => {
      forwarded += data.byteLength
      if (Buffer.from(data.subarray()).includes(secret)) plain += 1
    })
  await echo(other, hidden.peerId, new Uint8Array(100_000).fill(7))
  expect(forwarded).toBeGreaterThan(200_000)
  expect(plain).toBe(0)
})

test.each<[string, (bytes: Uint8Array) => Uint8Array]>([
  ['changes a bit', (bytes) => bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte))],
  ['cuts a byte off', (bytes) => bytes.subarray(0, -1)],
  ['repeats what it forwards', (bytes) => new Uint8Array(Buffer.concat([bytes, bytes]))],
])('a relay that %s ends the connection, and nothing false arrives', async (_name, spoil) => {
  const { hidden, other, address, streams } = await throughForeignRelay()
  const channel = await other.open(hidden.peerId, '/echo/1', { signal: signal() })
  let arrived = 0
  channel.onFrame(() => void (arrived += 1))
  const ended = new Promise<Error | undefined>((resolve) => channel.onClose(resolve))
  const honest = streams.map((stream) => stream.send.bind(stream))
  for (const [index, stream] of streams.entries())
    stream.send = (data) => honest[index]!(spoil(new Uint8Array(data.subarray())))
  channel.send(new Uint8Array(1000).fill(7)).catch(() => undefined)
  expect(await ended).toBeInstanceOf(Error)
  expect(arrived).toBe(0)
  // The same relay serves as soon as it forwards what it gets: nobody is shut out for a spoilt connection.
  for (const [index, stream] of streams.entries()) stream.send = honest[index]!
  await other.dial(address, { signal: signal() })
  expect(await echo(other, hidden.peerId, Uint8Array.of(1, 2, 3))).toEqual(Uint8Array.of(1, 2, 3))
})

test('the members of one network take no more than their part of the slots of a relay', async () => {
  const relay = await start(loopback)
  const relayAddress = relay.addresses()[0] ?? ''
  const members = await Promise.all(Array.from({ length: limits.relaySlotsPerNetwork + 2 }, () => start()))
  const outcomes = await Promise.all(
    members.map(async (member) => refusal(reserve(member, relayAddress, relay.peerId).then(() => 'given'))),
  )
  expect(outcomes.filter((outcome) => outcome === 'no-capacity')).toHaveLength(2)
})

test('a peer is not reached through a relay that it has not asked for a slot', async () => {
  const [relay, hidden, other] = await Promise.all([start(loopback), start(), start()])
  await hidden.dial(relay.addresses()[0] ?? '', { signal: signal() })
  const address = `${relay.addresses()[0]}/p2p-circuit/p2p/${hidden.peerId}`
  expect(await refusal(other.dial(address, { signal: signal() }))).toBe('peer-vanished')
  expect(hidden.addresses()).toEqual([])
})
