import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { DialPolicy } from './dial-policy.ts'

const publicNode = (): DialPolicy =>
  new DialPolicy(
    () => [multiaddr('/ip4/203.0.113.5/tcp/4000'), multiaddr('/ip4/127.0.0.1/tcp/4000')],
    () => ['127.0.0.1', '203.0.113.5'],
  )
const householdNode = (): DialPolicy =>
  new DialPolicy(
    () => [multiaddr('/ip4/192.168.1.20/tcp/4000'), multiaddr('/ip4/127.0.0.1/tcp/4000')],
    () => ['127.0.0.1', '192.168.1.20', '100.101.102.103'],
  )
const loopbackNode = (): DialPolicy =>
  new DialPolicy(
    () => [multiaddr('/ip4/127.0.0.1/tcp/4000')],
    () => ['127.0.0.1', '10.0.0.9'],
  )

test.each([
  ['a public node', publicNode(), '/ip4/198.51.100.7/tcp/4000', true],
  ['a public node', publicNode(), '/ip4/192.168.1.1/tcp/80', false],
  ['a public node', publicNode(), '/ip4/127.0.0.1/tcp/6379', false],
  ['a public node', publicNode(), '/ip6/::1/tcp/22', false],
  ['a public node', publicNode(), '/ip4/0.0.0.0/tcp/22', false],
  ['a public node', publicNode(), '/ip4/224.0.0.251/tcp/5353', false],
  ['a public node', publicNode(), '/ip4/169.254.169.254/tcp/80', false],
  ['a public node', publicNode(), '/ip6/::ffff:7f00:1/tcp/22', false],
  ['a node at home', householdNode(), '/ip4/192.168.1.7/tcp/4000', true],
  ['a node at home', householdNode(), '/ip4/100.64.0.9/tcp/4000', true],
  ['a node at home', householdNode(), '/ip4/10.0.0.1/tcp/80', false],
  ['a node at home', householdNode(), '/ip4/127.0.0.1/tcp/6379', false],
  ['a node on loopback', loopbackNode(), '/ip4/127.0.0.1/tcp/4001', true],
  ['a node on loopback', loopbackNode(), '/ip4/192.168.1.1/tcp/80', false],
])('%s, asked by a record to dial %3$s', (_name, policy, address, dialled) => {
  expect(!policy.denies(multiaddr(address))).toBe(dialled)
})

test('a peer with a slot at the same relay is dialled there', () => {
  const through =
    '/ip4/203.0.113.5/tcp/4000/p2p/12D3KooWGG75X1QbwM5p1C7fn7JNvzCDJsV97zKMzbaTV25qRD4S/p2p-circuit'
  const [own, other] = [
    '12D3KooWHiJExi7dxGyYb1Crc9odqGG7aDh8B4bRyqq1WnMkE3k4',
    '12D3KooWNo9xhf3kBHGaUDEFzbZU5Ywu8DJjEWzwEXMYmobQrYuV',
  ].map((peer) => multiaddr(`${through}/p2p/${peer}`))
  const policy = new DialPolicy(
    () => (own === undefined ? [] : [own]),
    () => [],
  )
  expect(other !== undefined && policy.denies(other)).toBe(false)
})

test('what the user names is dialled, while it is being dialled', async () => {
  const policy = publicNode()
  const address = multiaddr('/ip4/10.0.0.7/tcp/4000')
  await policy.named(address, () => {
    expect(policy.denies(address)).toBe(false)
    expect(policy.denies(multiaddr('/ip4/10.0.0.8/tcp/4000'))).toBe(true)
    return Promise.resolve()
  })
  expect(policy.denies(address)).toBe(true)
})
