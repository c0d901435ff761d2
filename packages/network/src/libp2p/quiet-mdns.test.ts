import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { quietMdns } from './quiet-mdns.ts'

test('mDNS asks every time while the node is alone, and seldom while it has a connection', async () => {
  const clock = createVirtualClock()
  let asked = 0
  let alone = true
  const sockets = { query: () => void (asked += 1) }
  const service = {
    mdns: undefined as typeof sockets | undefined,
    async start() {
      service.mdns = sockets
      sockets.query()
    },
  }
  quietMdns(service, clock, () => alone)
  await service.start()
  sockets.query()
  expect(asked).toBe(2)
  alone = false
  sockets.query()
  clock.advance(limits.mdnsQueryMs - 1)
  sockets.query()
  expect(asked).toBe(2)
  clock.advance(1)
  sockets.query()
  sockets.query()
  expect(asked).toBe(3)
  alone = true
  sockets.query()
  expect(asked).toBe(4)
})
