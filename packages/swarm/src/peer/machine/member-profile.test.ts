import { membershipProfiles } from '@shoal/membership'
import { expect, test } from 'vitest'
import { memberProfile } from './member-profile.ts'

const joinsHere = ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW']

test.each([
  ['a swarm on this machine', { lan: false, listen: [], join: joinsHere }, 'local'],
  [
    'a node that listens nowhere, beside its member',
    { lan: false, listen: ['none'], join: joinsHere },
    'local',
  ],
  ['a node with IPv6 on this machine', { lan: false, listen: ['/ip6/::1/tcp/0'], join: [] }, 'local'],
  ['a local network', { lan: true, listen: [], join: [] }, 'lan'],
  ['a rented machine', { lan: false, listen: ['/ip4/0.0.0.0/tcp/4001'], join: [] }, 'lan'],
  ['a home behind a router', { lan: false, listen: [], join: ['/ip4/203.0.113.1/tcp/4001'] }, 'lan'],
] as const)('%s', (_name, places, profile) => {
  expect(memberProfile(places)).toBe(membershipProfiles[profile])
})
