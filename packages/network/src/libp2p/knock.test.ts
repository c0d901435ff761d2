import { createServer } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { silentLogger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { afterEach, expect, test } from 'vitest'
import { refusal, signal } from '../conformance/peers.ts'
import { createLibp2pTransport } from './create-transport.ts'
import { createPeerKey } from './keys.ts'
import { knockAt } from './knock.ts'
import type { Libp2pTransport } from './transport-parts.ts'

const open: { close(): unknown }[] = []
afterEach(() => Promise.all(open.splice(0).map((each) => each.close())))

async function start(): Promise<Libp2pTransport> {
  const privateKey = await createPeerKey()
  const transport = await createLibp2pTransport({ privateKey, clock: systemClock, logger: silentLogger })
  open.push(transport)
  return transport
}

/** A listener that answers everything with these bytes. */
async function listener(answer: string): Promise<string> {
  const server = createServer((socket) => void socket.on('error', () => undefined).write(answer))
  open.push({ close: () => server.close() })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const place = server.address()
  return `/ip4/127.0.0.1/tcp/${typeof place === 'object' ? place?.port : 0}`
}

test('a peer answers a knock at its address, and keeps its connection', async () => {
  const [one, other] = await Promise.all([start(), start()])
  const [address = ''] = other.addresses()
  const peer = await one.dial(address, { signal: signal() })
  expect(await one.knock?.(peer, address, { signal: signal() })).toBe(true)
  expect(one.connected()).toEqual([peer])
  const closed = await listener('')
  await open.pop()?.close()
  expect(await one.knock?.(peer, closed, { signal: signal() })).toBe(false)
})

test('nobody has others knocked at than itself', async () => {
  const [one, other] = await Promise.all([start(), start()])
  const peer = await one.dial(other.addresses()[0] ?? '', { signal: signal() })
  for (const address of [
    '/ip4/127.0.0.2/tcp/80',
    '/dns4/localhost/tcp/80',
    '/ip4/127.0.0.1/udp/80',
    'nonsense',
  ])
    expect(await refusal(one.knock?.(peer, address, { signal: signal() }) ?? Promise.resolve())).toBe(
      'bad-request',
    )
  const stranger = one.knock?.('12D3KooWStranger', '/ip4/127.0.0.1/tcp/80', { signal: signal() })
  expect(await refusal(stranger ?? Promise.resolve())).toBe('bad-request')
})

test('a service that is no libp2p does not answer a knock, nor does one that says nothing', async () => {
  const seen = multiaddr('/ip4/127.0.0.1/tcp/1')
  const web = await listener('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
  expect(await knockAt(seen, web, signal())).toBe(false)
  const limit = new AbortController()
  const silent = knockAt(seen, await listener(''), limit.signal)
  limit.abort()
  expect(await silent).toBe(false)
})
