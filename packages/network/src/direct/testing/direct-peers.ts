import { createVirtualClock, seededRandom, silentLogger, sleep, type VirtualClock } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { decodeDirect, encodeDirect, protocols, type DirectOffer } from '@shoal/protocol'
import { createHeldFrames } from '../../channel/held-frames.ts'
import { receive, signal } from '../../conformance/peers.ts'
import { createMemoryNetwork } from '../../memory/network.ts'
import type { Channel, Transport } from '../../transport.ts'
import { createDirectChannels, type DirectChannels } from '../direct-channels.ts'

export const loopback = '127.0.0.1'

/** Alice, who asks for direct channels, and bob, who listens on loopback and answers; both are in one memory network. */
export interface DirectPeers {
  readonly clock: VirtualClock
  readonly alice: Transport
  readonly bob: Transport
  /** Alice's direct channels. */
  readonly near: DirectChannels
  /** Bob's. */
  readonly far: DirectChannels
  /** Channels that bob was opened. */
  readonly accepted: Channel[]
  /** What bob does with a new channel; keeps it in `accepted` unless a test says otherwise. */
  accept: (channel: Channel) => void
  /** The address that bob sees alice at. */
  seenAt: string | undefined
  /** Waits for a promise while the virtual network delivers. */
  readonly settled: <T>(promise: Promise<T>) => Promise<T>
  /** Opens the channel over which alice asks. */
  readonly ask: () => Promise<Channel>
  readonly open: (protocol?: string) => Promise<Channel | null>
  /** Asks bob for an offer without connecting to it. */
  offered(): Promise<DirectOffer>
  close(): Promise<void>
}

/** `/test/1` is served and has direct channels; `/unserved/1` is not served; for `/foreign/1` bob makes no offers. */
export async function createDirectPeers(): Promise<DirectPeers> {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock, random: seededRandom(1) })
  const [alice, bob] = [network.createTransport('alice'), network.createTransport('bob')]
  alice.learn('bob', bob.addresses())
  const channelsOf = (hosts: readonly string[], names: readonly string[]): Promise<DirectChannels> =>
    createDirectChannels(
      {
        clock,
        random: seededRandom(2),
        held: createHeldFrames(),
        logger: silentLogger,
        handlerOf: (protocol) =>
          protocol === '/unserved/1' ? undefined : (channel) => peers.accept(channel),
      },
      hosts,
      names,
    )
  const near = await channelsOf([], ['/test/1', '/unserved/1', '/foreign/1'])
  const far = await channelsOf([loopback], ['/test/1', '/unserved/1'])
  const peers: DirectPeers = {
    clock,
    alice,
    bob,
    near,
    far,
    accepted: [],
    accept: (channel) => void peers.accepted.push(channel),
    seenAt: loopback,
    settled: (promise) => settled(clock, promise),
    ask: () => alice.open('bob', protocols.direct, { signal: signal() }),
    open: (protocol = '/test/1') => peers.settled(near.open('bob', protocol, loopback, peers.ask, signal())),
    async offered() {
      const channel = await peers.settled(peers.ask())
      const answer = receive(channel, 1)
      void channel.send(...encodeDirect({ type: 'direct-ask', channel: '/test/1' }))
      const [frame] = await peers.settled(answer)
      const message = decodeDirect(frame!)
      if (message.type !== 'direct-offer') throw new Error(message.type)
      return message
    },
    async close() {
      near.close()
      far.close()
      await alice.close()
      await bob.close()
    },
  }
  bob.handle(protocols.direct, (channel) => far.answer(channel, peers.seenAt))
  return peers
}

async function settled<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let over = false
  const end = (): void => void (over = true)
  promise.then(end, end)
  // The memory network's journeys take no time, and still are timers.
  while (!over) {
    clock.advance(0)
    await sleep(systemClock, 0)
  }
  return promise
}
