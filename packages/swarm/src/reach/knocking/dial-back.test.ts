import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import { createMemoryNetwork, type Transport } from '@shoal/network'
import { settled } from '@shoal/host/testing'
import { expect, test } from 'vitest'
import { swarmLimits } from '../../limits.ts'
import { DialBacks } from './dial-back.ts'
import { serveDialBacks } from './serve-dial-backs.ts'

const address = '/ip4/203.0.112.9/tcp/4001'
const own = [address, '/ip4/192.168.1.5/tcp/4001', `/ip4/203.0.112.1/tcp/1/p2p/r/p2p-circuit/p2p/me`]

/** A node, and members that find at its address what `finds` says. */
async function world(finds: Record<string, boolean>, isMember = true) {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock, random: seededRandom(1) })
  const me = network.createTransport('me')
  const knocks: string[] = []
  for (const name of Object.keys(finds)) {
    const member: Transport = network.createTransport(name)
    const knock = async (_peer: string, at: string): Promise<boolean> => {
      knocks.push(`${name} ${at}`)
      return finds[name] ?? false
    }
    const transport = { handle: member.handle.bind(member), knock }
    serveDialBacks({ clock, logger: silentLogger, transport, isMember: () => isMember })
    await me.dial(`/memory/${name}/p2p/${name}`, { signal: new AbortController().signal })
  }
  const transport = {
    open: me.open.bind(me),
    path: () => ({ kind: 'direct', relay: null }) as const,
    networkOf: (peer: string) => (peer === 'near' ? '192.168.1.7' : `203.0.${peer.length}`),
  }
  const dialBacks = new DialBacks({ clock, logger: silentLogger, transport })
  const turn = async (): Promise<void> => {
    const turned = dialBacks.turn(own, Object.keys(finds))
    for (let step = 0; step < 20; step += 1) {
      await settled()
      clock.advance(1)
    }
    await turned
  }
  return { clock, dialBacks, knocks, turn }
}

test.each<readonly [string, Record<string, boolean>, boolean]>([
  ['nobody reaches', { a: false, bb: false }, false],
  ['one of three reaches', { a: false, bb: true, ccc: false }, true],
  ['only a member of the same local network tries', { near: false }, true],
])('an address of the internet that %s', async (_what, finds, believed) => {
  const { dialBacks, turn } = await world(finds)
  await turn()
  expect(dialBacks.believed(own).includes(address)).toBe(believed)
  expect(dialBacks.believed(own)).toEqual(expect.arrayContaining(own.slice(1)))
})

test('an address that nobody reached is tried again, and believed when somebody reaches it', async () => {
  const finds: Record<string, boolean> = { a: false }
  const { clock, dialBacks, knocks, turn } = await world(finds)
  await turn()
  await turn()
  expect(knocks).toEqual([`a ${address}`])
  expect(dialBacks.believed(own)).not.toContain(address)
  finds['a'] = true
  clock.advance(swarmLimits.dialBackSoonMs)
  await turn()
  expect(knocks).toHaveLength(2)
  expect(dialBacks.believed(own)).toContain(address)
})

test('a peer that is no member is refused, and its address stays believed', async () => {
  const { dialBacks, knocks, turn } = await world({ a: false }, false)
  await turn()
  expect([knocks, dialBacks.believed(own).includes(address)]).toEqual([[], true])
})
