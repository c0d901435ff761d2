import { multiaddr } from '@multiformats/multiaddr'
import { silentLogger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { expect, test } from 'vitest'
import { createLibp2pTransport } from './create-transport.ts'
import { createPeerKey } from './keys.ts'
import { redirected } from './redirected-dials.ts'

test.each([
  ['/ip4/127.0.0.1/tcp/4001', '/ip4/127.0.0.1/tcp/5001'],
  [
    '/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
    '/ip4/127.0.0.1/tcp/5001/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
  ],
  ['/ip4/127.0.0.1/tcp/40011', '/ip4/127.0.0.1/tcp/40011'],
  ['/ip4/127.0.0.1', '/ip4/127.0.0.1'],
])('%s is dialled at %s', (address, target) => {
  expect(
    redirected(multiaddr(address), { '/ip4/127.0.0.1/tcp/4001': '/ip4/127.0.0.1/tcp/5001' }).toString(),
  ).toBe(target)
})

test('a transport that is told so reaches a peer behind an address where nobody listens', async () => {
  const common = { clock: systemClock, logger: silentLogger }
  const far = await createLibp2pTransport({
    ...common,
    privateKey: await createPeerKey(),
    announce: ['/ip4/127.0.0.1/tcp/1'],
  })
  const listens = await createLibp2pTransport({ ...common, privateKey: await createPeerKey() })
  const port = /tcp\/(\d+)/.exec(listens.addresses()[0] ?? '')?.[1]
  const near = await createLibp2pTransport({
    ...common,
    privateKey: await createPeerKey(),
    listen: [],
    dialInstead: { '/ip4/127.0.0.1/tcp/1': `/ip4/127.0.0.1/tcp/${port}` },
  })
  try {
    expect(far.addresses()).toEqual([`/ip4/127.0.0.1/tcp/1/p2p/${far.peerId}`])
    expect(
      await near.dial(`/ip4/127.0.0.1/tcp/1/p2p/${listens.peerId}`, { signal: new AbortController().signal }),
    ).toBe(listens.peerId)
  } finally {
    await Promise.all([far.close(), listens.close(), near.close()])
  }
})
