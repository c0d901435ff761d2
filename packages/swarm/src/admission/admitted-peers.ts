import { limits, type Standing } from '@shoal/trust'
import { swarmLimits } from '../limits.ts'

/**
 * The peers that were admitted, limited in number. Beyond that the member that has most of them, its clients included, loses
 * the one that was admitted longest ago: a member that signs clients without end displaces its own.
 */
export class AdmittedPeers {
  readonly #standings = new Map<string, Standing>()
  readonly #onEnded: ((peerId: string) => void)[] = []
  readonly #most: number

  constructor(most: number = swarmLimits.admittedPeers) {
    this.#most = most
  }

  /** Calls back for a peer whose standing has ended. */
  onEnded(listener: (peerId: string) => void): void {
    this.#onEnded.push(listener)
  }

  /** A standing that is forgotten ends at once: a revocation could not end it any more. */
  add(peerId: string, standing: Standing): void {
    this.#standings.delete(peerId)
    this.#standings.set(peerId, standing)
    const forgotten = this.#standings.size > this.#most ? this.#oldestOfMost(peerId) : undefined
    if (forgotten !== undefined) this.#forget(forgotten)
  }

  #oldestOfMost(spared: string): string | undefined {
    const others = [...this.#standings].filter(([peerId]) => peerId !== spared)
    const byMember = Map.groupBy(others, ([, { member }]) => member)
    const [most = []] = [...byMember.values()].sort((a, b) => b.length - a.length)
    return most[0]?.[0]
  }

  all(): ReadonlyMap<string, Standing> {
    return this.#standings
  }

  /** Ends the standings that are over, or depend on what was revoked. */
  end(nowSeconds: number, isRevoked: (serialOrKey: string) => boolean): void {
    const ended = [...this.#standings].filter(
      ([, { until, dependsOn }]) =>
        nowSeconds - limits.clockErrorSeconds > until || dependsOn.some((name) => isRevoked(name)),
    )
    for (const [peerId] of ended) this.#forget(peerId)
  }

  #forget(peerId: string): void {
    this.#standings.delete(peerId)
    for (const listener of this.#onEnded) listener(peerId)
  }
}
