import { createVirtualClock, silentLogger } from '@shoal/host'
import { expect, test } from 'vitest'
import { swarmLimits } from '../../limits.ts'
import { FasterPaths } from './faster-paths.ts'

const [vpn, home] = ['/ip4/100.64.1.2/tcp/4001', '/ip4/192.168.1.5/tcp/4001']

function world(peerId: string) {
  const clock = createVirtualClock()
  const looked: string[] = []
  let faster = true
  const paths = new FasterPaths(clock, silentLogger, {
    peerId,
    path: () => ({ kind: 'direct', relay: null }),
    learn: () => undefined,
    quicken: async (peer) => {
      looked.push(peer)
      const was = faster
      faster = false
      return was
    },
  })
  return { clock, looked, paths }
}

test('a slow member with several addresses is looked at soon, once more after a success, and then seldom', async () => {
  const { clock, looked, paths } = world('a')
  const members = [
    { peerId: 'slow', addresses: [vpn, home] },
    { peerId: 'near', addresses: [vpn, home] },
    { peerId: 'single', addresses: [vpn] },
  ]
  const links = { slow: 40_000, near: 300, single: 40_000 }
  const turn = (): Promise<void> => paths.turn(members, links)
  await turn()
  await turn()
  expect(looked).toEqual(['slow'])
  clock.advance(swarmLimits.fasterWaitMs)
  await turn()
  expect(looked).toEqual(['slow', 'slow'])
  clock.advance(swarmLimits.fasterWaitMs)
  await turn()
  expect(looked).toHaveLength(2)
  clock.advance(swarmLimits.fasterEveryMs)
  await turn()
  expect(looked).toHaveLength(3)
})

test('the member with the larger id waits for the other one, and a change of addresses is a reason to look', async () => {
  const { clock, looked, paths } = world('z')
  const turn = (...addresses: string[]): Promise<void> =>
    paths.turn([{ peerId: 'slow', addresses }], { slow: 40_000 })
  await turn(vpn, home)
  expect(looked).toEqual([])
  clock.advance(swarmLimits.fasterWaitMs)
  await turn(vpn, home)
  expect(looked).toHaveLength(1)
  await turn(vpn, '/ip4/192.168.7.5/tcp/4001')
  clock.advance(swarmLimits.fasterWaitMs)
  await turn(vpn, '/ip4/192.168.7.5/tcp/4001')
  expect(looked).toHaveLength(2)
})
