import { messageOf, type Clock, type Logger } from '@shoal/host'
import { memberLimits } from '../limits.ts'
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
  /** Members that must hold this peer dead before it believes them. */
  readonly quorum: () => number
  readonly onExpired: (event: SelfExpired) => void
  /** Forgets the verdicts of the former incarnation, and announces the new one: a record, a statement, then a beat. */
  readonly announce: () => Promise<void>
}

/** Ends this peer's incarnation when others hold it dead, or when it must count as dead, and begins the next one. */
export class OwnLife {
  readonly #dependencies: OwnLifeDependencies
  readonly #leaseMs: number
  /** Members that claim to hold the present incarnation dead, with the life of theirs in which they say so. */
  readonly #holders = new Map<string, number>()
  #holdersOf = -1
  /** When another member last made this peer raise its incarnation. */
  #raisedMs = Number.NEGATIVE_INFINITY
  /** When this peer last began a life because it alone held another one dead. */
  #outvotedMs = Number.NEGATIVE_INFINITY
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
   * Another member holds `incarnation` of this peer dead. As many members as end a life by their votes are believed, once in a
   * lease; fewer are wrong, or lie. Claims wait until then.
   */
  heldDead(member: string, memberIncarnation: number, incarnation: number): void {
    const { self, isMember } = this.#dependencies
    if (incarnation !== self.incarnation || !isMember(member)) return
    if (this.#holdersOf !== incarnation) this.#holders.clear()
    this.#holdersOf = incarnation
    this.#holders.set(member, memberIncarnation)
    this.turn()
  }

  /** A member has begun another life, and has given nobody up in that one: its claims in former ones count no more. */
  memberBegan(member: string, incarnation: number): void {
    if ((this.#holders.get(member) ?? incarnation) < incarnation) this.#holders.delete(member)
  }

  /** This peer holds a life dead that speaks to it, and hardly anybody agrees: it begins a life without that verdict. */
  outvoted(): void {
    const { clock, self } = this.#dependencies
    if (clock.nowMs() < this.#outvotedMs + memberLimits.outvotedMs) return
    this.#outvotedMs = clock.nowMs()
    this.raise('held-dead', self.incarnation)
  }

  /** Raises an incarnation that enough others hold dead, once a lease has passed since the last time. */
  turn(): void {
    const { clock, self, quorum } = this.#dependencies
    if (this.#holdersOf !== self.incarnation || this.#holders.size < quorum()) return
    if (clock.nowMs() < this.#raisedMs + this.#leaseMs) return
    this.#raisedMs = clock.nowMs()
    this.#holders.clear()
    this.raise('held-dead', self.incarnation)
  }

  /** This peer's key has spoken in another life: one whose number was lost, or that of a second process. */
  heardOther(incarnation: number): void {
    if (incarnation >= this.#dependencies.self.incarnation) this.raise('older-record', incarnation)
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
