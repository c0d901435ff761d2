import { messageOf, type Clock, type Logger } from '@shoal/host'
import type { SelfExpired } from '../types.ts'
import type { Self } from './self.ts'

export interface OwnLifeDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly self: Self
  /** Gives a number above `atLeast`, persisted before it is returned. Default: `atLeast + 1`. */
  readonly nextIncarnation: (atLeast: number) => number | Promise<number> | undefined
  readonly onExpired: (event: SelfExpired) => void
  /** Announces the new incarnation: a record, then a beat. */
  readonly announce: () => Promise<void>
}

/** Ends this peer's incarnation when others hold it dead, or when it must count as dead, and begins the next one. */
export class OwnLife {
  readonly #dependencies: OwnLifeDependencies
  readonly #leaseMs: number
  /** When each neighbour last made this peer raise its incarnation. */
  readonly #raisedByMs = new Map<string, number>()
  #raising = false
  #closed = false

  constructor(dependencies: OwnLifeDependencies, leaseMs: number) {
    this.#dependencies = dependencies
    this.#leaseMs = leaseMs
  }

  /** Whether one incarnation is over and the next one is not yet announced. */
  get raising(): boolean {
    return this.#raising
  }

  /**
   * A neighbour holds `incarnation` of this peer dead. A neighbour that lies can force one new incarnation per lease.
   */
  heldDead(neighbour: string, incarnation: number): void {
    const { clock, self } = this.#dependencies
    const raisedMs = this.#raisedByMs.get(neighbour) ?? Number.NEGATIVE_INFINITY
    if (incarnation !== self.incarnation || clock.nowMs() < raisedMs + this.#leaseMs) return
    this.#raisedByMs.set(neighbour, clock.nowMs())
    this.raise('held-dead', self.incarnation)
  }

  /** Begins an incarnation above `atLeast`, unless the next one is under way already. */
  raise(cause: SelfExpired['cause'], atLeast: number): void {
    if (this.#raising || this.#closed) return
    this.#raising = true
    this.#begin(cause, atLeast)
      .catch((error: unknown) =>
        this.#dependencies.logger.error('incarnation-failed', { reason: messageOf(error) }),
      )
      .finally(() => {
        this.#raising = false
      })
  }

  close(): void {
    this.#closed = true
  }

  async #begin(cause: SelfExpired['cause'], atLeast: number): Promise<void> {
    const { logger, self, nextIncarnation, onExpired, announce } = this.#dependencies
    const { incarnation } = self
    const next = Math.max(atLeast + 1, (await nextIncarnation(atLeast)) ?? 0)
    logger.info('incarnation-raised', { cause, from: incarnation, to: next })
    onExpired({ type: 'self-expired', incarnation, next, cause })
    self.raise(next)
    await announce()
  }
}
