import type { HardwareRecord, MemberState } from '@shoal/membership'
import { expect, test } from 'vitest'
import { addressesOf, rankCandidates, type Candidate, type Wish } from './rank.ts'

const anything: Wish = { manifest: null, profile: null, preferredProfile: null }

function candidate(
  name: string,
  said?: { manifest?: string; profile?: string; state?: MemberState; serves?: boolean },
): Candidate {
  const provider = { peerId: name, addresses: [`/ip4/10.0.0.1/tcp/1/p2p/${name}`] }
  if (said === undefined) return { provider, record: null }
  const record: HardwareRecord = {
    manifest: said.manifest ?? 'm1',
    model: 'demo',
    profile: said.profile ?? 'f32',
    member: {
      peerId: name,
      incarnation: 1,
      seq: 1,
      state: said.state ?? 'serving',
      span: said.serves === false ? null : { start: 0, end: 2 },
      hardware: {
        memoryBytes: 1,
        decodeMicrosPerBlock: 1,
        prefillMicrosPerRowBlock: 1,
        bandwidthBytesPerSecond: 0,
        device: 'cpu',
        threads: 1,
      },
      numericClass: 'c',
      addresses: [`/ip4/10.0.0.2/tcp/1/p2p/${name}`],
      version: 'test',
      links: {},
    },
  }
  return { provider, record }
}

test.each<[string, Candidate[], Wish, string[]]>([
  ['nobody', [], anything, []],
  ['a signed record comes before none', [candidate('a'), candidate('b', {})], anything, ['b', 'a']],
  [
    'serving nodes come before joining ones, and these before nodes without a record',
    [candidate('a'), candidate('b', { state: 'joining', serves: false }), candidate('c', {})],
    anything,
    ['c', 'b', 'a'],
  ],
  [
    'nodes that have left are left out',
    [candidate('a', { state: 'left', serves: false }), candidate('b', { state: 'draining' })],
    anything,
    ['b'],
  ],
  [
    'with a wanted manifest, others are left out, but not nodes without a record',
    [candidate('a', { manifest: 'm2' }), candidate('b'), candidate('c', {})],
    { ...anything, manifest: 'm1' },
    ['c', 'b'],
  ],
  [
    'with a wanted profile, others are left out',
    [candidate('a', { profile: 'int4:32' }), candidate('b', {})],
    { ...anything, profile: 'f32' },
    ['b'],
  ],
  [
    'the preferred profile comes first',
    [candidate('a', {}), candidate('b', { profile: 'int4:32', state: 'joining', serves: false })],
    { ...anything, preferredProfile: 'int4:32' },
    ['b', 'a'],
  ],
  [
    'equal nodes are ordered by peer id, so that searches repeat',
    [candidate('b', {}), candidate('a', {})],
    anything,
    ['a', 'b'],
  ],
])('%s', (_name, candidates, wish, expected) => {
  expect(rankCandidates(candidates, wish).map(({ provider }) => provider.peerId)).toEqual(expected)
})

test('the addresses of the own record come before those of entries', () => {
  expect(addressesOf(candidate('a', {}))).toEqual(['/ip4/10.0.0.2/tcp/1/p2p/a', '/ip4/10.0.0.1/tcp/1/p2p/a'])
  expect(addressesOf(candidate('a'))).toEqual(['/ip4/10.0.0.1/tcp/1/p2p/a'])
})
