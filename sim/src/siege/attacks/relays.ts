import type { Attack, Besieger } from '../attack.ts'

/** Asks for a slot, and for ways to peers that have none. */
async function relaySlots(besieger: Besieger): Promise<void> {
  const { address, peerId } = besieger.target
  await besieger.repeat(async () => {
    const [peer, other] = await Promise.all([besieger.stranger(), besieger.stranger()])
    for (const one of [peer, other]) {
      await one.transport.dial(address, { signal: besieger.signal })
      besieger.count('slot requests')
      await one.transport.reserve?.(peerId).then(
        () => besieger.count('slots given'),
        () => undefined,
      )
    }
    const way = `${address}/p2p-circuit/p2p/${other.transport.peerId}`
    besieger.count('ways asked for')
    await peer.transport.dial(way, { signal: besieger.signal }).then(
      () => besieger.count('ways given'),
      () => undefined,
    )
    await Promise.all([besieger.dismiss(peer), besieger.dismiss(other)])
  })
}

export const relayAttacks: readonly Attack[] = [
  {
    name: 'relay-slots',
    about:
      'asks the target to relay for peers that are no members, and to peers that want no relayed connection',
    run: relaySlots,
  },
]
