import type { MultiaddrConnection, PeerId } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { accountOf, ConnectionGate, networkOf } from './connection-gate.ts'

/** A node's port, at which sockets arrive. */
function createPort() {
  const gate = new ConnectionGate()
  return {
    gate,
    /** @returns the socket's state */
    arrive: (address: string) => {
      const listeners: (() => void)[] = []
      const socket = { open: true, connection: null as unknown as MultiaddrConnection }
      const end = (): void => {
        socket.open = false
        for (const listener of listeners.splice(0)) listener()
      }
      socket.connection = {
        remoteAddr: multiaddr(address),
        abort: end,
        addEventListener: (_event: string, listener: () => void) => void listeners.push(listener),
      } as unknown as MultiaddrConnection
      if (gate.denies(socket.connection)) socket.open = false
      return { socket, end }
    },
    /** @returns whether the peer gets in */
    authenticate: (arrived: { socket: { connection: MultiaddrConnection } }, peer: string): boolean => {
      const peerId = { toString: () => peer } as unknown as PeerId
      return !gate.deniesPeer(peerId, arrived.socket.connection)
    },
  }
}

const far = (network: number, host: number): string => `/ip4/203.0.${network}.${host}/tcp/4000`

test('a thousand silent sockets of one network shut out nobody, and few of them stay open', () => {
  const { arrive, authenticate } = createPort()
  const silent = Array.from({ length: 1000 }, (_, index) => arrive(far(1, index % 256)))
  const honest = arrive(far(2, 1))
  expect(honest.socket.open).toBe(true)
  expect(authenticate(honest, 'honest')).toBe(true)
  expect(silent.filter(({ socket }) => socket.open)).toHaveLength(limits.pendingPerNetwork)
  expect(silent.at(-1)?.socket.open).toBe(true)
})

test('silent sockets of many networks make way, those of the network with the most first', () => {
  const { arrive, authenticate } = createPort()
  for (let network = 0; network < 64; network += 1)
    for (let host = 0; host < 16; host += 1) arrive(far(network, host))
  const honest = arrive(far(200, 1))
  for (let host = 0; host < 100; host += 1) arrive(far(201, host))
  expect(honest.socket.open).toBe(true)
  expect(authenticate(honest, 'honest')).toBe(true)
})

test('silent sockets from loopback make way as well, although a whole swarm may come from there', () => {
  const { arrive } = createPort()
  const silent = Array.from({ length: 2 * limits.pendingPerNearNetwork }, () =>
    arrive('/ip4/127.0.0.1/tcp/1'),
  )
  expect(silent.filter(({ socket }) => socket.open)).toHaveLength(limits.pendingPerNearNetwork)
  expect(arrive('/ip4/127.0.0.1/tcp/1').socket.open).toBe(true)
})

test('one network has so many authenticated connections and no more, and another one its own', () => {
  const { arrive, authenticate } = createPort()
  const from = (network: number): boolean[] =>
    Array.from({ length: limits.connectionsPerNetwork + 8 }, (_, index) => {
      const arrived = arrive(far(network, index))
      return arrived.socket.open && authenticate(arrived, `${network}-${index}`)
    })
  expect(from(1).filter(Boolean)).toHaveLength(limits.connectionsPerNetwork)
  expect(from(2).filter(Boolean)).toHaveLength(limits.connectionsPerNetwork)
})

test('strangers leave places for members, and one peer has a few connections', () => {
  const { gate, arrive, authenticate } = createPort()
  gate.prefer((peer) => peer.startsWith('member'))
  let admitted = 0
  for (let index = 0; index < limits.connections + 100; index += 1)
    if (authenticate(arrive(far(index >> 5, index % 32)), `stranger-${index}`)) admitted += 1
  expect(admitted).toBe(limits.strangerConnections)
  expect(authenticate(arrive(far(250, 1)), 'member-1')).toBe(true)
  const again = Array.from({ length: 8 }, () => authenticate(arrive(far(251, 1)), 'member-2'))
  expect(again.filter(Boolean)).toHaveLength(limits.connectionsPerPeer)
})

test('a closed connection gives its place back', () => {
  const { arrive, authenticate } = createPort()
  for (let round = 0; round < 1000; round += 1) {
    const arrived = arrive(far(1, 1))
    expect(arrived.socket.open && authenticate(arrived, 'one')).toBe(true)
    arrived.end()
  }
})

test.each([
  ['203.0.113.7', '203.0.113'],
  ['2001:db8:1:2ff:3::4', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
])('the network of %s is %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})

test.each([
  ['203.0.113.7', '203.0.113'],
  ['192.168.1.7', '192.168.1.7'],
  ['127.66.0.1', '127.66.0.1'],
  ['127.0.0.1', null],
  ['::1', null],
])('a stranger at %s uses the share of %s', (address, account) => {
  expect(accountOf(address)).toBe(account)
})
