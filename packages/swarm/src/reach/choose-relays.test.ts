import { expect, test } from 'vitest'
import { whyOf } from '../view/peer-paths.ts'
import { chooseRelays, needsRelays } from './choose-relays.ts'

const candidate = (peerId: string, address: string, { slots = 256, direct = true } = {}) => ({
  record: { peerId, addresses: [address], relay: { slots, bytesPerSecond: 1 } },
  direct,
})
const loopback = '/ip4/127.0.0.1/tcp/4001'
const home = '/ip4/192.168.1.5/tcp/4001'
const rented = '/ip4/203.0.112.9/tcp/4001'

test('a node needs relays when a member is farther away than its own addresses reach', () => {
  expect(needsRelays([], 'machine')).toBe(true)
  expect(needsRelays([loopback], 'machine')).toBe(false)
  expect(needsRelays([loopback], 'network')).toBe(true)
  expect(needsRelays([home], 'network')).toBe(false)
  expect(needsRelays([home], 'internet')).toBe(true)
  expect(needsRelays([home, rented], 'internet')).toBe(false)
})

test('the members that the internet reaches are asked first, and no more than two', () => {
  const others = [candidate('a', home), candidate('b', rented), candidate('c', rented)]
  expect(chooseRelays([home], 'internet', others)).toEqual(['b', 'c'])
  const withOne = [home, `${rented}/p2p/b/p2p-circuit/p2p/me`]
  expect(chooseRelays(withOne, 'internet', others)).toEqual(['c'])
})

test('a member that does not relay, or is itself behind a relay, is not asked', () => {
  const others = [candidate('a', rented, { slots: 0 }), candidate('b', rented, { direct: false })]
  expect(chooseRelays([], 'machine', others)).toEqual([])
})

test('a status says why a peer is relayed', () => {
  expect(whyOf({ kind: 'relayed' }, [`${rented}/p2p/b/p2p-circuit/p2p/me`])).toContain('nobody can dial it')
  expect(whyOf({ kind: 'relayed' }, [home])).toContain('no other address')
  const tried = [{ address: home, outcome: 'nothing listens there', secondsAgo: 1 }]
  expect(whyOf({ kind: 'relayed', why: 'no packet' }, [home], tried)).toMatch(
    /192\.168\.1\.5.*nothing listens there; through both routers: no packet/,
  )
})
