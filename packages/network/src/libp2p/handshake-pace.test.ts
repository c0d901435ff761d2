import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { HandshakePace } from './handshake-pace.ts'

test('a network that connects without end is answered at a pace, and another one at once', async () => {
  const clock = createVirtualClock()
  const pace = new HandshakePace(clock)
  const { atOnce, everyMs } = limits.handshakesOfNetwork
  const answered: string[] = []
  const refused: string[] = []
  const connect = (address: string): void =>
    void pace.turn(address).then(
      () => answered.push(address),
      () => refused.push(address),
    )
  const seconds = 20
  for (let tick = 0; tick < seconds * 100; tick += 1) {
    connect('198.51.100.7')
    clock.advance(10)
    await Promise.resolve()
  }
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve()
  expect(answered.length).toBeLessThanOrEqual(atOnce + (seconds * 1000) / everyMs + 1)
  expect(answered.length).toBeGreaterThan((seconds * 1000) / everyMs - 1)
  expect(refused.length).toBeGreaterThan(1000)
  answered.length = 0
  connect('203.0.113.9')
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve()
  expect(answered).toEqual(['203.0.113.9'])
})

test('all peers of a household may start at once, and the nodes of one machine', async () => {
  const pace = new HandshakePace(createVirtualClock())
  const all = (address: string, count: number): Promise<unknown> =>
    Promise.all(Array.from({ length: count }, () => pace.turn(address)))
  await all('192.168.1.7', limits.handshakesOfNearAddress.atOnce)
  await all('198.51.100.7', limits.handshakesOfNetwork.atOnce)
  await all('127.0.0.1', limits.handshakesOfThisMachine.atOnce)
})
