import { ShoalError, type Clock } from '@shoal/host'
import { limits } from '../../limits.ts'

/** Who wants an attempt: this peer, a member of the swarm, or a peer that was admitted and has no record. */
export type Asker = 'self' | 'member' | 'guest'

/** Attempts that others cause at this peer, bounded: for each of them, and for all at once. */
export class PunchAttempts {
  readonly #clock: Pick<Clock, 'nowMs'>
  /** Peers with an attempt under way, begun by either side. */
  readonly #underWay = new Set<string>()
  /** When each peer may ask again. */
  readonly #nextMs = new Map<string, number>()

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock
  }

  /**
   * Runs an attempt with a peer.
   * @param asked by whom: by that peer, which may do so every few seconds, and as a guest only where members leave room
   * @throws {ShoalError} `no-capacity`
   */
  async run<Result>(peer: string, asked: Asker, attempt: () => Promise<Result>): Promise<Result> {
    if (this.#underWay.has(peer)) throw busy('an attempt with this peer is under way')
    const most = asked === 'guest' ? limits.punchesOfGuests : limits.punchesAtOnce
    if (this.#underWay.size >= most) throw busy(`${this.#underWay.size} attempts are under way`)
    const nowMs = this.#clock.nowMs()
    if (asked !== 'self' && (this.#nextMs.get(peer) ?? nowMs) > nowMs)
      throw busy('this peer has asked a moment ago')
    if (asked !== 'self') this.#remember(peer, nowMs)
    this.#underWay.add(peer)
    try {
      return await attempt()
    } finally {
      this.#underWay.delete(peer)
    }
  }

  #remember(peer: string, nowMs: number): void {
    this.#nextMs.delete(peer)
    this.#nextMs.set(peer, nowMs + limits.punchEveryMs)
    for (const [other, dueMs] of this.#nextMs) {
      if (dueMs > nowMs && this.#nextMs.size <= limits.learnedPeers) return
      this.#nextMs.delete(other)
    }
  }
}

const busy = (why: string): ShoalError => new ShoalError('no-capacity', why)
