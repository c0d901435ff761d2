import { messageOf, ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import type { Libp2pTransport, Transport } from '@shoal/network'
import { sayHello, type HelloSelf } from '../hello.ts'
import { swarmLimits } from '../../limits.ts'
import { createFoundPeers } from './found-peers.ts'

export interface Discovery {
  /**
   * The address of the first peer found that belongs to a swarm.
   * @throws {ShoalError} `peer-vanished` when the network stays silent, saying what else can be done
   */
  firstAddress(signal?: AbortSignal): Promise<string>
  /** From now on, connects to peers of the same swarm as they are found, and leaves others alone. */
  follow(self: () => HelloSelf): void
}

/** A hello ends by its own deadline. */
const neverAborted = new AbortController().signal

export interface DiscoveryDependencies {
  readonly libp2p: Pick<Libp2pTransport, 'onDiscovery'>
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Finds peers by mDNS in the local network. A name heard there is only a hint: the peer behind it is authenticated by its
 * key, and whether it fits is asked with a hello, like everywhere.
 */
export function createDiscovery({ libp2p, transport, clock, logger }: DiscoveryDependencies): Discovery {
  const found = createFoundPeers(clock)
  /** Peers that were greeted, and until when they are left in peace. */
  const greetedUntilMs = new Map<string, number>()
  let follow: (() => HelloSelf) | null = null

  const greet = async (peer: string, self: HelloSelf): Promise<void> => {
    const nowMs = clock.nowMs()
    if (transport.connected().includes(peer) || (greetedUntilMs.get(peer) ?? 0) > nowMs) return
    greetedUntilMs.set(peer, nowMs + swarmLimits.greetAgainMs)
    try {
      const answer = await sayHello({ transport, clock }, peer, self, neverAborted)
      logger.info('peer-found', { peer, model: answer.model })
    } catch (error) {
      // Several swarms in one network are nobody's fault.
      logger.debug('found-peer-left-alone', { peer, reason: messageOf(error) })
      await transport.hangUp(peer)
    }
  }
  const greetInBackground = (peer: string, self: HelloSelf): void => {
    greet(peer, self).catch((error: unknown) =>
      logger.warn('found-peer-failed', { peer, reason: messageOf(error) }),
    )
  }
  /** An address of a peer that belongs to a swarm; null when it does not, or does not answer. */
  const askForSwarm = async (
    peer: string,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<string | null> => {
    try {
      const answer = await sayHello({ transport, clock }, peer, stranger, signal)
      const address = answer.manifest === null ? undefined : addresses[0]
      if (address === undefined) return null
      return address.includes('/p2p/') ? address : `${address}/p2p/${peer}`
    } catch (error) {
      logger.debug('found-peer-silent', { peer, reason: messageOf(error) })
      found.dismiss(peer)
      return null
    }
  }

  libp2p.onDiscovery((peer, addresses) => {
    if (peer === transport.peerId || !found.add(peer, addresses)) return
    transport.learn(peer, addresses)
    if (follow !== null) greetInBackground(peer, follow())
  })

  return {
    follow(self) {
      follow = self
      for (const peer of found.ids()) greetInBackground(peer, self())
    },
    async firstAddress(signal) {
      const limit = timeLimit(clock, swarmLimits.discoveryTimeoutMs, nothingFound, signal)
      try {
        for (;;) {
          for (const [peer, addresses] of found.promising()) {
            const address = await askForSwarm(peer, addresses, limit.signal)
            if (address !== null) return address
          }
          await found.next(limit.signal)
        }
      } finally {
        limit.clear()
      }
    },
  }
}

/** The hello of a peer that does not know its swarm yet. */
const stranger: HelloSelf = { agent: 'shoal', role: 'node', manifest: null, profile: null, model: null }

const nothingFound = (): ShoalError =>
  new ShoalError(
    'peer-vanished',
    `no swarm was found in the local network within ${swarmLimits.discoveryTimeoutMs / 1000} s: give --join ADDRESS, or --model REF to create one`,
  )
