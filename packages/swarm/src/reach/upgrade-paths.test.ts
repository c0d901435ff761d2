import { createVirtualClock, silentLogger } from '@shoal/host'
import { expect, test } from 'vitest'
import { swarmLimits } from '../limits.ts'
import { PathUpgrades } from './upgrade-paths.ts'

const direct = '/ip4/203.0.113.9/tcp/4001'
const relayed = '/ip4/203.0.113.1/tcp/4001/p2p/12D3KooWRelay/p2p-circuit'

test('a relayed member that tells a direct address is dialled there, and again after a pause', async () => {
  const clock = createVirtualClock()
  const dialled: string[] = []
  const upgrades = new PathUpgrades(clock, silentLogger, {
    path: (peer) => ({ kind: peer === 'near' ? 'direct' : 'relayed', relay: null }),
    learn: () => undefined,
    upgrade: async (peer) => {
      dialled.push(peer)
      throw new Error('nobody answers')
    },
  })
  const members = [
    { peerId: 'near', addresses: [direct] },
    { peerId: 'hidden', addresses: [relayed] },
    { peerId: 'open', addresses: [direct, relayed] },
  ]
  await upgrades.turn(members)
  await upgrades.turn(members)
  expect(dialled).toEqual(['open'])
  clock.advance(swarmLimits.upgradeEveryMs)
  await upgrades.turn(members)
  expect(dialled).toEqual(['open', 'open'])
})

test('no upgrade is told where the transport has none, or where the path is still relayed', async () => {
  const told: string[] = []
  const logger = { ...silentLogger, info: (event: string) => void told.push(event) }
  const transport = { path: () => ({ kind: 'relayed', relay: null }) as const, learn: () => undefined }
  const members = [{ peerId: 'open', addresses: [direct, relayed] }]
  await new PathUpgrades(createVirtualClock(), logger, transport).turn(members)
  const upgrade = async (): Promise<void> => undefined
  await new PathUpgrades(createVirtualClock(), logger, { ...transport, upgrade }).turn(members)
  expect(told).toEqual([])
})
