import { messageOf, type Clock, type Logger } from '@shoal/host'
import type { SelfExpired } from '../types.ts'
import type { Self } from './self.ts'

export interface OwnLifeDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly self: Self
  /** Whether a peer has announced itself in this swarm, and its own words speak not against it. */
  readonly isMember: (peer: string) => boolean
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
  /** When a neighbour last made this peer raise its incarnation. */
  #raisedMs = Number.NEGATIVE_INFINITY
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
   * A neighbour holds `incarnation` of this peer dead. Only members are believed, and all of them together once in a
   * lease: neighbours that lie can force one new incarnation per lease, however many they are.
   */
  heldDead(neighbour: string, incarnation: number): void {
    const { clock, self, isMember } = this.#dependencies
    if (incarnation !== self.incarnation || !isMember(neighbour)) return
    if (clock.nowMs() < this.#raisedMs + this.#leaseMs) return
    this.#raisedMs = clock.nowMs()
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
