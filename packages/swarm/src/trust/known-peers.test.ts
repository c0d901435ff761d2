import type { Member } from '@shoal/membership'
import { expect, test } from 'vitest'
import { createKnownPeers } from './known-peers.ts'

const near = '/ip4/10.0.0.7/tcp/4001'
const far = '/ip4/203.0.113.7/tcp/4001'

function createWorld(...records: readonly { peerId: string; addresses: readonly string[] }[]) {
  let isKnown: (peer: string) => boolean = () => false
  let changed: () => void = () => undefined
  const members = records.map((record) => ({ record }) as Member)
  const peers = createKnownPeers(
    { peerId: 'self', prefer: (known) => (isKnown = known), networkOf: () => '203.0.113' },
    {
      members: () => members,
      onChange(listener) {
        changed = listener
        return () => undefined
      },
    },
  )
  return { peers, members, isKnown: (peer: string) => isKnown(peer), changed: () => changed() }
}

test('addresses that a frame names are dialled only when the peer’s own record has them', () => {
  const { peers } = createWorld({ peerId: 'a', addresses: [near, far] })
  expect(peers.addresses('a', [far, '/ip4/192.0.2.1/tcp/22'])).toEqual([far])
  expect(peers.addresses('a', ['/ip4/192.0.2.1/tcp/22'])).toEqual([near, far])
  expect(peers.addresses('nobody', ['/ip4/192.0.2.1/tcp/22'])).toEqual([])
})

test('a peer without a record is a stranger until its record comes', () => {
  const { peers, members, isKnown, changed } = createWorld()
  expect([peers.standing('self'), peers.standing('a'), isKnown('a')]).toEqual(['self', 'stranger', false])
  members.push({ record: { peerId: 'a', addresses: [] as readonly string[] } } as Member)
  changed()
  expect([peers.standing('a'), isKnown('a')]).toEqual(['member', true])
})

test('strangers of one network have one account, and a member its own', () => {
  const { peers } = createWorld({ peerId: 'member', addresses: [] })
  expect(['a', 'b', 'member'].map((peer) => peers.account(peer))).toEqual([
    '203.0.113',
    '203.0.113',
    'member',
  ])
})
