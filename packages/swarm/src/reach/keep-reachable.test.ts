import { createVirtualClock, silentLogger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { Announcement, Member } from '@shoal/membership'
import { createLibp2pTransport, createPeerKey, type Transport } from '@shoal/network'
import { afterEach, expect, test } from 'vitest'
import { swarmLimits } from '../limits.ts'
import { inScope } from '../scope.ts'
import { keepReachable } from './keep-reachable.ts'

const open: Transport[] = []
afterEach(() => Promise.all(open.splice(0).map((each) => each.close())))

async function start(listen: readonly string[], relay: boolean): Promise<Transport> {
  const privateKey = await createPeerKey()
  const transport = await createLibp2pTransport({
    privateKey,
    clock: systemClock,
    logger: silentLogger,
    listen,
    relay,
  })
  open.push(transport)
  return transport
}

/** What the keeper reads of a member that relays. */
const memberOf = (relay: Transport): Member =>
  ({
    record: {
      peerId: relay.peerId,
      addresses: relay.addresses(),
      relay: { slots: 1, bytesPerSecond: 1 },
    },
    liveness: 'alive',
  }) as unknown as Member

test('a node that listens nowhere tells its address through a relay, and takes another relay when that is lost', async () => {
  const loopback = ['/ip4/127.0.0.1/tcp/0']
  const [first, second, hidden] = await Promise.all([
    start(loopback, true),
    start(loopback, true),
    start([], true),
  ])
  const clock = createVirtualClock()
  const announced: Announcement[] = []
  let said = Promise.withResolvers<void>()
  const relays = [first]
  const membership = {
    members: () => relays.map(memberOf),
    links: () => ({}),
    announce: async (announcement: Announcement) => {
      announced.push(announcement)
      said.resolve()
    },
  }
  const signal = new AbortController().signal
  for (const relay of [first, second]) await hidden.dial(relay.addresses()[0] ?? '', { signal })
  await inScope(async (scope) => {
    keepReachable({ clock, logger: silentLogger, transport: hidden, membership }, scope)
    clock.advance(swarmLimits.reachTurnMs)
    await said.promise
    const through = (relay: Transport): string => `${relay.addresses()[0]}/p2p-circuit/p2p/${hidden.peerId}`
    expect(announced).toEqual([{ addresses: [through(first)] }])

    said = Promise.withResolvers()
    const gone = new Promise<string>((resolve) => hidden.onDisconnect(resolve))
    await first.close()
    await gone
    relays.splice(0, 1, second)
    clock.advance(swarmLimits.reachTurnMs)
    await said.promise
    expect(announced.at(-1)).toEqual({ addresses: [through(second)] })
    await scope.close()
  })
})
