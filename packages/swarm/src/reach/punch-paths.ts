import { messageOf, ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { swarmLimits } from '../limits.ts'

interface Attempt {
  failures: number
  /** When the next one may begin. */
  nextMs: number
}

type PunchTransport = Pick<Transport, 'peerId' | 'path' | 'punch'>

/** Whether this peer begins an attempt with a member, or waits for that one. */
export type Begins = (self: string, member: string) => boolean

/** Both sides run this: the one with the smaller id begins. */
export const smallerBegins: Begins = (self, member) => self < member

/** A client begins, as members do not know it. */
export const clientBegins: Begins = () => true

/**
 * Opens connections through the routers of both to members that are connected through a relay. After failures the pauses
 * become longer, since routers seldom change.
 */
export class PathPunches {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #transport: PunchTransport
  readonly #begins: Begins
  readonly #attempts = new Map<string, Attempt>()

  constructor(clock: Clock, logger: Logger, transport: PunchTransport, begins: Begins) {
    this.#clock = clock
    this.#logger = logger
    this.#transport = transport
    this.#begins = begins
  }

  /** @param members those that are alive */
  async turn(members: readonly { readonly peerId: string }[]): Promise<void> {
    if (this.#transport.punch === undefined) return
    const nowMs = this.#clock.nowMs()
    const present = new Set(members.map(({ peerId }) => peerId))
    for (const peer of this.#attempts.keys()) if (!present.has(peer)) this.#attempts.delete(peer)
    const due = [...present].filter(
      (peer) =>
        this.#begins(this.#transport.peerId, peer) &&
        this.#transport.path?.(peer)?.kind === 'relayed' &&
        (this.#attempts.get(peer)?.nextMs ?? nowMs) <= nowMs,
    )
    await Promise.all(due.map((peer) => this.#try(peer)))
  }

  async #try(peer: string): Promise<void> {
    const attempt = this.#attempts.get(peer) ?? { failures: 0, nextMs: 0 }
    const pauseMs = swarmLimits.punchPauseMsMin * 2 ** Math.min(attempt.failures, 10)
    attempt.nextMs = this.#clock.nowMs() + Math.min(pauseMs, swarmLimits.punchPauseMsMax)
    attempt.failures += 1
    this.#attempts.set(peer, attempt)
    const late = (): ShoalError => new ShoalError('deadline-passed', 'no packet came through')
    const limit = timeLimit(this.#clock, swarmLimits.punchMs, late)
    try {
      await this.#transport.punch?.(peer, { signal: limit.signal })
      if (this.#transport.path?.(peer)?.kind !== 'punched') return
      attempt.failures = 0
      this.#logger.info('path-punched', { peer })
    } catch (error) {
      this.#logger.debug('path-not-punched', { peer, reason: messageOf(error) })
    } finally {
      limit.clear()
    }
  }
}
