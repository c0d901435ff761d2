import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { createLeases, type Leases } from './lease.ts'

const times = { leaseMs: 30, graceMs: 10 }

test.each<[string, readonly [number, (leases: Leases) => void][], number | null]>([
  ['silence', [], 30],
  ['a renewal', [[20, (leases) => leases.renew('a')]], 50],
  [
    'many renewals',
    [
      [10, (leases) => leases.renew('a')],
      [29, (leases) => leases.renew('a')],
      [55, (leases) => leases.renew('a')],
    ],
    85,
  ],
  ['a lost connection', [[5, (leases) => leases.lost('a')]], 15],
  ['a lost connection near the end of the lease', [[25, (leases) => leases.lost('a')]], 30],
  [
    'a connection lost and found',
    [
      [5, (leases) => leases.lost('a')],
      [14, (leases) => leases.renew('a')],
    ],
    44,
  ],
  ['an owner that is forgotten', [[5, (leases) => leases.forget('a')]], null],
  [
    'events of others',
    [
      [5, (leases) => leases.lost('b')],
      [6, (leases) => leases.forget('b')],
      [7, (leases) => leases.renew('c')],
    ],
    30,
  ],
])('%s ends the lease when it should', (_, events, expectedMs) => {
  const clock = createVirtualClock()
  let endedMs: number | null = null
  const leases = createLeases(clock, times, (owner) => {
    if (owner === 'a') endedMs = clock.nowMs()
  })
  leases.renew('a')
  for (const [atMs, act] of events) clock.after(atMs, () => act(leases))
  for (let atMs = 0; atMs < 200; atMs += 1) clock.advance(1)
  expect(endedMs).toBe(expectedMs)
})

test('a machine that slept longer than a lease finds it over when it wakes', () => {
  const clock = createVirtualClock()
  const ended: string[] = []
  const leases = createLeases(clock, times, (owner) => void ended.push(owner))
  leases.renew('a')
  clock.advance(5000)
  expect(ended).toEqual(['a'])
  leases.renew('a')
  leases.close()
  clock.advance(5000)
  expect(ended).toEqual(['a'])
})
