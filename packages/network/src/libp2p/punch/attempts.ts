import { ShoalError, type Clock } from '@shoal/host'
import { limits } from '../../limits.ts'

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
   * @param asked by that peer, which may do so every few seconds
   * @throws {ShoalError} `no-capacity`
   */
  async run<Result>(peer: string, asked: boolean, attempt: () => Promise<Result>): Promise<Result> {
    if (this.#underWay.has(peer)) throw busy('an attempt with this peer is under way')
    if (this.#underWay.size >= limits.punchesAtOnce)
      throw busy(`${limits.punchesAtOnce} attempts are under way`)
    const nowMs = this.#clock.nowMs()
    if (asked && (this.#nextMs.get(peer) ?? nowMs) > nowMs) throw busy('this peer has asked a moment ago')
    if (asked) this.#remember(peer, nowMs)
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
