import { setImmediate as nextTurn } from 'node:timers/promises'
import { createVirtualClock, messageOf, seededRandom } from '@shoal/host'
import { protocols } from '@shoal/protocol'
import { roles, type Role } from '@shoal/trust'
import { expect, test } from 'vitest'
import { signal } from '../conformance/peers.ts'
import { mayOpen } from '../admission/role-table.ts'
import { standingOf } from '../admission/standings.ts'
import { peerIdOfKey } from '../libp2p/keys.ts'
import { createTestSwarm, type TestMember } from '../libp2p/testing/test-swarm.ts'
import { createMemoryNetwork } from './network.ts'

/** All protocols, one that the table of roles does not name, and that of the directory. */
const all = [...Object.values(protocols), '/echo/1', '/shoal/kad/1.0.0']

async function createWorld() {
  const swarm = await createTestSwarm()
  const network = createMemoryNetwork({ clock: createVirtualClock(), random: seededRandom(1) })
  const join = ({ privateKey, admission }: TestMember) =>
    network.createTransport(peerIdOfKey(privateKey), admission)
  const admin = await swarm.member('admin')
  const inside = join(admin)
  const events: string[] = []
  inside.onConnect((peer) => events.push(`connect ${peer}`))
  for (const protocol of all) inside.handle(protocol, () => void events.push(`channel ${protocol}`))
  return { swarm, network, join, inside, events }
}

test.each(roles.flatMap((role) => all.map((protocol): [Role, string] => [role, protocol])))(
  'a %s and %s',
  async (role, protocol) => {
    const { swarm, join, inside, events } = await createWorld()
    const member = join(await swarm.member(role))
    await member.dial(inside.addresses()[0] ?? '', { signal: signal() })
    expect(standingOf(inside, member.peerId)?.role).toBe(role)
    const channel = await member.open(inside.peerId, protocol, { signal: signal() })
    const ended = new Promise<void>((resolve) => channel.onClose(() => resolve()))
    if (!mayOpen(role, protocol)) await ended
    expect(events.includes(`channel ${protocol}`)).toBe(mayOpen(role, protocol))
  },
)

test.each(['nobody', 'an impostor', 'a revoked member'])(
  '%s reaches no protocol, and causes no event',
  async (who) => {
    const { swarm, network, join, inside, events } = await createWorld()
    const member = await swarm.member('node')
    if (who === 'a revoked member') swarm.revoke(member)
    const stranger =
      who === 'nobody'
        ? network.createTransport('stranger')
        : join(who === 'an impostor' ? await swarm.impostor(member) : member)
    stranger.learn(inside.peerId, inside.addresses())
    for (const protocol of all)
      expect(await stranger.open(inside.peerId, protocol, { signal: signal() }).catch(messageOf)).toContain(
        'does not admit this peer',
      )
    expect([events, inside.connected(), stranger.connected()]).toEqual([[], [], []])
  },
)

test('a member whose grant ends is disconnected at once, and not admitted again', async () => {
  const { swarm, join, inside } = await createWorld()
  const grant = await swarm.member('node')
  const member = join(grant)
  await member.dial(inside.addresses()[0] ?? '', { signal: signal() })
  swarm.revoke(grant)
  await nextTurn()
  expect([inside.connected(), member.connected(), standingOf(inside, member.peerId)]).toEqual([[], [], null])
  await expect(member.dial(inside.addresses()[0] ?? '', { signal: signal() })).rejects.toThrow('revoked')
})
