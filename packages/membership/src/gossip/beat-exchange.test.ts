import type { Transport } from '@shoal/network'
import { afterEach, expect, test } from 'vitest'
import { createWorld, type World } from '../testing/world.ts'

let world: World
afterEach(() => world.close())

test('a swarm at rest pings nobody, and both ends of each link know how long it is', async () => {
  world = createWorld(5)
  let pings = 0
  const tamper = (transport: Transport): void => {
    const ping = transport.ping.bind(transport)
    transport.ping = (peer, options) => {
      pings += 1
      return ping(peer, options)
    }
  }
  const names = ['a', 'b', 'c'] as const
  await world.join('a', undefined, { tamper })
  for (const name of names.slice(1)) await world.join(name, 'a', { tamper })
  await world.run(60_000)
  const before = pings
  for (const name of names) world.network.setLatency('a', name, 20)
  await world.run(60_000)
  expect(pings).toBe(before)
  const linksOf = (name: string): Readonly<Record<string, number>> =>
    world.inhabitants.get(name)?.membership.links() ?? {}
  expect(linksOf('a')).toEqual({ b: 40_000, c: 40_000 })
  expect([linksOf('b')['a'], linksOf('c')['a']]).toEqual([40_000, 40_000])
})
