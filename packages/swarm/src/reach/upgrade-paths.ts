import { messageOf, ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import { isRelayed, type Transport } from '@shoal/network'
import { swarmLimits } from '../limits.ts'

/** What is read of a member. */
export interface RelayedMember {
  readonly peerId: string
  readonly addresses: readonly string[]
}

/**
 * Dials members that are connected through a relay at their other addresses: both may have met through the relay because
 * its address was known first, or a router may have begun to let connections in.
 */
export class PathUpgrades {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #transport: Pick<Transport, 'path' | 'learn' | 'upgrade'>
  /** When each of them may be tried again. */
  readonly #nextMs = new Map<string, number>()

  constructor(clock: Clock, logger: Logger, transport: Pick<Transport, 'path' | 'learn' | 'upgrade'>) {
    this.#clock = clock
    this.#logger = logger
    this.#transport = transport
  }

  /** @param members those that are alive */
  async turn(members: readonly RelayedMember[]): Promise<void> {
    if (this.#transport.upgrade === undefined) return
    const nowMs = this.#clock.nowMs()
    const relayed = members.filter(({ peerId }) => this.#transport.path?.(peerId)?.kind === 'relayed')
    for (const peer of this.#nextMs.keys())
      if (!relayed.some(({ peerId }) => peerId === peer)) this.#nextMs.delete(peer)
    const due = relayed.filter(
      ({ peerId, addresses }) => !addresses.every(isRelayed) && (this.#nextMs.get(peerId) ?? nowMs) <= nowMs,
    )
    for (const { peerId } of due) this.#nextMs.set(peerId, nowMs + swarmLimits.upgradeEveryMs)
    await Promise.all(due.map((member) => this.#upgrade(member)))
  }

  async #upgrade({ peerId, addresses }: RelayedMember): Promise<void> {
    const limit = timeLimit(
      this.#clock,
      swarmLimits.upgradeMs,
      () => new ShoalError('deadline-passed', 'no address answered'),
    )
    try {
      this.#transport.learn(peerId, addresses)
      await this.#transport.upgrade?.(peerId, { signal: limit.signal })
      // The direct connection may have ended again, or the peer itself: only what is true is told.
      if (this.#transport.path?.(peerId)?.kind === 'direct')
        this.#logger.info('path-upgraded', { peer: peerId })
    } catch (error) {
      this.#logger.debug('path-not-upgraded', { peer: peerId, reason: messageOf(error) })
    } finally {
      limit.clear()
    }
  }
}
