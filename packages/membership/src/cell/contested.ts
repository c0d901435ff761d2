import type { Clock } from '@shoal/host'
import { memberLimits } from '../limits.ts'

export interface ContestedDependencies {
  readonly clock: Pick<Clock, 'nowMs'>
  /** Whether this peer still holds the life dead. */
  readonly isDead: (peer: string, incarnation: number) => boolean
  /** Whether as many members hold the life dead as its owner believes. */
  readonly isBelieved: (peer: string, incarnation: number) => boolean
  /** Asks the peer for a beat. */
  readonly ask: (peer: string) => void
  /** A life that this peer has given up goes on, and hardly anybody else has given it up. */
  readonly onOutvoted: () => void
}

/**
 * Lives that this peer has given up, and that others hold alive. Their owners take a new incarnation when enough members have
 * given them up. Where they do not, this peer's own verdict is wrong, as the owner's next beat proves.
 */
export class Contested {
  readonly #parts: ContestedDependencies
  /** What the owner may take to begin its next life. */
  readonly #leaseMs: number
  readonly #lives = new Map<string, { readonly incarnation: number; readonly sinceMs: number }>()

  constructor(dependencies: ContestedDependencies, leaseMs: number) {
    this.#parts = dependencies
    this.#leaseMs = leaseMs
  }

  /** Lives that are given up here and go on elsewhere. */
  get size(): number {
    return this.#lives.size
  }

  /** Somebody holds this life alive. */
  begin(peer: string, incarnation: number): void {
    if (this.#lives.get(peer)?.incarnation === incarnation) return
    this.#lives.set(peer, { incarnation, sinceMs: this.#parts.clock.nowMs() })
  }

  /** This life has sent a beat over its own connection. */
  spoke(peer: string, incarnation: number): void {
    const { clock, isBelieved, onOutvoted } = this.#parts
    this.begin(peer, incarnation)
    const { sinceMs } = this.#lives.get(peer)!
    if (clock.nowMs() - sinceMs < this.#leaseMs) return
    const believed = isBelieved(peer, incarnation)
    this.#lives.delete(peer)
    if (!believed) onOutvoted()
  }

  turn(): void {
    const { clock, isDead, ask } = this.#parts
    for (const [peer, { incarnation, sinceMs }] of this.#lives) {
      const ageMs = clock.nowMs() - sinceMs
      if (!isDead(peer, incarnation) || ageMs >= memberLimits.contestLeases * this.#leaseMs)
        this.#lives.delete(peer)
      else if (ageMs >= this.#leaseMs) ask(peer)
    }
  }
}
