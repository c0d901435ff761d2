import { createVirtualClock, silentLogger } from '@shoal/host'
import type { Member } from '@shoal/membership'
import type { PeerPath, Transport } from '@shoal/network'
import { expect, test } from 'vitest'
import { swarmLimits } from '../limits.ts'
import { createScope } from '../scope.ts'
import { leaveRelays } from './leave-relays.ts'

const member = (peerId: string, liveness: string): Member =>
  ({ record: { peerId, addresses: [] }, liveness }) as unknown as Member

test('a client goes through the routers to each relayed member that lives, and seldom again to one that fails', async () => {
  const clock = createVirtualClock()
  const paths = new Map<string, PeerPath['kind']>([
    ['a', 'relayed'],
    ['c', 'relayed'],
    ['d', 'direct'],
    ['e', 'relayed'],
  ])
  const tried: string[] = []
  const transport = {
    // Between the ids of both relayed members: a client begins with either.
    peerId: 'b',
    path: (peer: string) => ({ kind: paths.get(peer) ?? 'direct', relay: null }),
    punch: async (peer: string) => {
      tried.push(peer)
      if (peer === 'c') throw new Error('no packet came through')
      paths.set(peer, 'punched')
    },
  } as unknown as Transport
  const members = [member('a', 'alive'), member('c', 'alive'), member('d', 'alive'), member('e', 'dead')]
  const scope = createScope()
  leaveRelays({ clock, logger: silentLogger, transport, membership: { members: () => members } }, scope)
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += swarmLimits.clientReachTurnMs) {
      clock.advance(swarmLimits.clientReachTurnMs)
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
    }
  }
  await pass(3 * swarmLimits.clientReachTurnMs)
  expect(tried).toEqual(['a', 'c'])
  await pass(swarmLimits.punchPauseMsMin + swarmLimits.clientReachTurnMs)
  expect(tried).toEqual(['a', 'c', 'c'])
  await scope.close()
  await pass(10 * swarmLimits.punchPauseMsMin)
  expect(tried).toEqual(['a', 'c', 'c'])
})
