import { messageOf, ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import { isRelayed, type Transport } from '@shoal/network'
import { swarmLimits } from '../../limits.ts'

type FasterTransport = Pick<Transport, 'peerId' | 'path' | 'learn' | 'quicken'>

/**
 * Looks for faster ways to directly connected members that tell several addresses: the first one that answered may lead over
 * a VPN, while the member is in this machine's own network. Of two members the one with the smaller id looks first.
 */
export class FasterPaths {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #transport: FasterTransport
  #isLooking = false
  /** When each member is looked at next, and at which addresses it was looked at. */
  readonly #next = new Map<string, { readonly atMs: number; readonly addresses: string }>()

  constructor(clock: Clock, logger: Logger, transport: FasterTransport) {
    this.#clock = clock
    this.#logger = logger
    this.#transport = transport
  }

  /**
   * @param members those that are alive
   * @param links round trips to them in microseconds
   */
  async turn(
    members: readonly { readonly peerId: string; readonly addresses: readonly string[] }[],
    links: Readonly<Record<string, number>>,
  ): Promise<void> {
    if (this.#transport.quicken === undefined || this.#isLooking) return
    this.#isLooking = true
    for (const peer of this.#next.keys())
      if (!members.some(({ peerId }) => peerId === peer)) this.#next.delete(peer)
    for (const member of members)
      if (this.#isDue(member, links[member.peerId])) await this.#look(member.peerId, member.addresses)
    this.#isLooking = false
  }

  #isDue(
    { peerId, addresses }: { readonly peerId: string; readonly addresses: readonly string[] },
    micros: number | undefined,
  ): boolean {
    // No way is much faster than a wire of the same house.
    if (micros === undefined || micros < swarmLimits.fasterFromMicros) return false
    const own = addresses.filter((address) => !isRelayed(address))
    if (own.length < 2 || this.#transport.path?.(peerId)?.kind !== 'direct') return false
    const key = own.join()
    const known = this.#next.get(peerId)
    if (known?.addresses === key) return known.atMs <= this.#clock.nowMs()
    const waitsMs = this.#transport.peerId < peerId ? 0 : swarmLimits.fasterWaitMs
    this.#next.set(peerId, { atMs: this.#clock.nowMs() + waitsMs, addresses: key })
    return waitsMs === 0
  }

  async #look(peer: string, addresses: readonly string[]): Promise<void> {
    const limit = timeLimit(
      this.#clock,
      swarmLimits.fasterMs,
      () => new ShoalError('deadline-passed', 'the addresses take too long'),
    )
    const key = addresses.filter((address) => !isRelayed(address)).join()
    const again = (pauseMs: number): void =>
      void this.#next.set(peer, { atMs: this.#clock.nowMs() + pauseMs, addresses: key })
    again(swarmLimits.fasterEveryMs)
    try {
      this.#transport.learn(peer, addresses)
      // The older connection is closed in the next look.
      if ((await this.#transport.quicken?.(peer, { signal: limit.signal })) === true)
        again(swarmLimits.fasterWaitMs)
    } catch (error) {
      this.#logger.debug('path-not-faster', { peer, reason: messageOf(error) })
    } finally {
      limit.clear()
    }
  }
}
