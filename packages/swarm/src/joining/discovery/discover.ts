import { messageOf, ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import type { Libp2pTransport, Transport } from '@shoal/network'
import { sayHello, type HelloSelf } from '../hello.ts'
import { swarmLimits } from '../../limits.ts'

export interface Discovery {
  /**
   * The address of the first peer found that belongs to a swarm.
   * @throws {ShoalError} `peer-vanished` when the network stays silent, saying what else can be done
   */
  firstAddress(signal?: AbortSignal): Promise<string>
  /** From now on: peers of the same swarm are connected to as they are found; others are left alone. */
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
 * Peers that mDNS hears of in the local network. A name heard is only a hint: who answers there is authenticated by its
 * key, and whether it fits is asked with a hello, like everywhere.
 */
export function createDiscovery({ libp2p, transport, clock, logger }: DiscoveryDependencies): Discovery {
  const found = new Map<string, readonly string[]>()
  /** Peers that were greeted, and until when they are left in peace. */
  const greetedUntilMs = new Map<string, number>()
  /** Of another version, or not to be reached, until they are heard of again. Those that only wait themselves are asked on. */
  const useless = new Set<string>()
  const waiting = new Set<() => void>()
  let follow: (() => HelloSelf) | null = null

  const greet = async (peer: string, self: HelloSelf): Promise<void> => {
    const nowMs = clock.nowMs()
    if (
      peer === transport.peerId ||
      transport.connected().includes(peer) ||
      (greetedUntilMs.get(peer) ?? 0) > nowMs
    )
      return
    greetedUntilMs.set(peer, nowMs + swarmLimits.greetAgainMs)
    try {
      const answer = await sayHello({ transport, clock }, peer, self, neverAborted)
      logger.info('peer-found', { peer, model: answer.model })
    } catch (error) {
      // Another swarm in the same network is no fault of anybody.
      logger.debug('found-peer-left-alone', { peer, reason: messageOf(error) })
      await transport.hangUp(peer)
    }
  }

  libp2p.onDiscovery((peer, addresses) => {
    if (peer === transport.peerId) return
    if (!found.has(peer) && found.size >= swarmLimits.foundPeers) return
    found.set(peer, addresses)
    useless.delete(peer)
    transport.learn(peer, addresses)
    for (const wake of waiting) wake()
    if (follow !== null) void greet(peer, follow())
  })

  return {
    follow(self) {
      follow = self
      for (const peer of found.keys()) void greet(peer, self())
    },
    async firstAddress(signal) {
      const limit = timeLimit(
        clock,
        swarmLimits.discoveryTimeoutMs,
        () =>
          new ShoalError(
            'peer-vanished',
            `no swarm was found in the local network within ${swarmLimits.discoveryTimeoutMs / 1000} s: give --join ADDRESS, or --model REF to create one`,
          ),
        signal,
      )
      const stranger: HelloSelf = { agent: 'shoal', role: 'node', manifest: null, profile: null, model: null }
      try {
        for (;;) {
          for (const [peer, addresses] of found) {
            if (useless.has(peer)) continue
            const address = await sayHello({ transport, clock }, peer, stranger, limit.signal).then(
              (answer) => (answer.manifest === null ? undefined : addresses[0]),
              (error: unknown) => {
                logger.debug('found-peer-silent', { peer, reason: messageOf(error) })
                useless.add(peer)
                return undefined
              },
            )
            if (address !== undefined) return address.includes('/p2p/') ? address : `${address}/p2p/${peer}`
          }
          await nextFound(limit.signal)
        }
      } finally {
        limit.clear()
      }
    },
  }

  /** Somebody new was heard of, or it is time to ask again. */
  function nextFound(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        end()
        resolve()
      }
      const onAbort = (): void => {
        end()
        reject(signal.reason)
      }
      const timer = clock.after(swarmLimits.notReadyRetryMs, wake)
      const end = (): void => {
        timer.cancel()
        waiting.delete(wake)
        signal.removeEventListener('abort', onAbort)
      }
      waiting.add(wake)
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
    })
  }
}
