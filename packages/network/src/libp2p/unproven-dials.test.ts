import { multiaddr } from '@multiformats/multiaddr'
import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { UnprovenDials } from './unproven-dials.ts'

const peer = '12D3KooWGRUfJL6mxCi5kC6HDA6vgtx7qAoA5rCBpMw5HdrLZ6m1'
const other = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'

test('an address at which nobody has proved to be a peer is dialled ever more rarely, whatever keys name it', () => {
  const clock = createVirtualClock()
  const dials = new UnprovenDials(clock)
  const named = [peer, other].map((id) => multiaddr(`/ip4/198.51.100.7/tcp/80/p2p/${id}`))
  let count = 0
  for (let second = 0; second < 3600; second += 1) {
    for (const address of named) if (dials.take(address)) count += 1
    clock.advance(1000)
  }
  // 4 at once, then after 2, 4, 8 … 512 s, and each 600 s.
  expect(count).toBe(limits.unprovenDialsPerAddress + 9 + 4)
})

test('a proven address is dialled as often as one likes', () => {
  const clock = createVirtualClock()
  const dials = new UnprovenDials(clock)
  const address = multiaddr('/ip4/198.51.100.7/tcp/4000')
  for (let dial = 0; dial < 10; dial += 1) dials.take(address)
  expect(dials.take(address)).toBe(false)
  dials.proved(multiaddr(`/ip4/198.51.100.7/tcp/4000/p2p/${peer}`))
  for (let dial = 0; dial < 1000; dial += 1) expect(dials.take(address)).toBe(true)
})

test('all unproven addresses together are dialled at a bounded pace', () => {
  const clock = createVirtualClock()
  const dials = new UnprovenDials(clock)
  let count = 0
  const dialAll = (seconds: number): void => {
    for (let port = 1; port <= 1000; port += 1)
      if (dials.take(multiaddr(`/ip4/198.51.100.${seconds}/tcp/${port}`))) count += 1
  }
  dialAll(1)
  expect(count).toBe(limits.unprovenDialsAtOnce)
  clock.advance(60_000)
  dialAll(2)
  expect(count).toBe(2 * limits.unprovenDialsAtOnce)
  clock.advance(1000)
  dialAll(3)
  expect(count).toBe(2 * limits.unprovenDialsAtOnce + 1000 / limits.unprovenDialEveryMs)
})
