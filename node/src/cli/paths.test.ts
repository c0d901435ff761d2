import type { PeerStatus, SwarmStatus } from '@shoal/swarm'
import { expect, test } from 'vitest'
import { pathLines, troubledPaths } from './paths.ts'

const peer = (name: string, more: Partial<PeerStatus> = {}): PeerStatus =>
  ({ peer: `12D3KooW${name}`, state: 'serving', liveness: 'alive', self: false, ...more }) as PeerStatus
const statusOf = (...peers: PeerStatus[]): SwarmStatus => ({ peers }) as unknown as SwarmStatus

test('each peer has its way, and one that is found and cannot be dialled the addresses that were tried', () => {
  const status = statusOf(
    peer('Myself0', { self: true }),
    peer('Direct0', { path: { kind: 'direct', relay: null, why: 'one of the two could dial the other' } }),
    peer('Punched', { path: { kind: 'punched', relay: null, why: '' } }),
    peer('Relayed', { path: { kind: 'relayed', relay: '12D3KooWRelay00', why: 'nobody can dial it' } }),
    peer('Walled0', {
      tried: [{ address: '/ip4/172.30.1.2/tcp/4001', outcome: 'no answer: a firewall', secondsAgo: 3 }],
    }),
    peer('Gone000', { liveness: 'dead' }),
  )
  expect(pathLines(status)).toEqual([
    '  …Direct0  direct',
    '  …Punched  through both routers',
    '  …Relayed  relayed by …Relay00: nobody can dial it',
    '  …Walled0  found, but cannot be dialled from here:',
    '            /ip4/172.30.1.2/tcp/4001: no answer: a firewall',
  ])
  expect(troubledPaths(status)).toEqual(pathLines(status).slice(3))
})
