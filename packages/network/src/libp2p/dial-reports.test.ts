import { multiaddr } from '@multiformats/multiaddr'
import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { DialReports, outcomeOf } from './dial-reports.ts'

const peer = '12D3KooWHHzSeKaY8xuZVzkLbKFfvNgPPeKhFBGrMbNzbm5akpqu'
const named = (name: string, message = ''): Error => Object.assign(new Error(message), { name })

test.each([
  ['connect ECONNREFUSED 192.168.1.5:4001', 'linux', 'nothing listens there (ECONNREFUSED)'],
  ['connect EHOSTUNREACH 192.168.1.5:4001', 'linux', 'no way leads to that machine (EHOSTUNREACH)'],
  [
    'connect EHOSTUNREACH 192.168.1.5:4001 - Local (192.168.1.2:5)',
    'darwin',
    'no way leads to that machine (EHOSTUNREACH); allow this terminal in System Settings, Privacy & Security, Local Network',
  ],
  ['connect ENETUNREACH 2a05::1:4001', 'linux', 'no way leads to that machine (ENETUNREACH)'],
  ['Protocol selection failed', 'linux', 'another swarm is there, or a private one'],
])('%s on %s', (message, platform, outcome) => {
  expect(outcomeOf(new Error(message), peer, platform)).toBe(outcome)
})

test('a dial that nobody answers, and one that another peer answers', () => {
  for (const name of ['TimeoutError', 'AbortError'])
    expect(outcomeOf(named(name), peer)).toMatch(/no answer: a firewall/)
  expect(outcomeOf(named('UnexpectedPeerError', 'Payload identity key does not match'), peer)).toBe(
    'another peer is there',
  )
  expect(outcomeOf(new AggregateError([new Error('read ECONNRESET')]), peer)).toMatch(/reset/)
})

test('the last dial to each address is kept, of a bounded number of addresses and peers', () => {
  const clock = createVirtualClock()
  const reports = new DialReports(clock)
  reports.note(multiaddr(`/ip4/192.168.1.5/tcp/1/p2p/${peer}`), new Error('connect ECONNREFUSED'))
  clock.advance(5000)
  reports.note(multiaddr(`/ip4/192.168.1.6/tcp/1/p2p/${peer}`))
  expect(reports.of(peer)).toEqual([
    { address: '/ip4/192.168.1.5/tcp/1', outcome: 'nothing listens there (ECONNREFUSED)', secondsAgo: 5 },
    { address: '/ip4/192.168.1.6/tcp/1', outcome: 'connected', secondsAgo: 0 },
  ])
  reports.note(multiaddr(`/ip4/192.168.1.5/tcp/1/p2p/${peer}`))
  expect(reports.of(peer).at(-1)).toMatchObject({ address: '/ip4/192.168.1.5/tcp/1', outcome: 'connected' })
  for (let port = 1; port < 100; port += 1) reports.note(multiaddr(`/ip4/10.0.0.1/tcp/${port}/p2p/${peer}`))
  expect(reports.of(peer)).toHaveLength(limits.maxAddresses)
  reports.note(multiaddr('/ip4/10.0.0.1/tcp/1'))
  expect(reports.of('nobody')).toEqual([])
})
