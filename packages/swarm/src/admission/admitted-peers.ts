import { limits, type Standing } from '@shoal/trust'
import { swarmLimits } from '../limits.ts'

/** The peers that were admitted, limited in number: the one admitted longest ago is forgotten first. */
export class AdmittedPeers {
  readonly #standings = new Map<string, Standing>()

  add(peerId: string, standing: Standing): void {
    this.#standings.delete(peerId)
    this.#standings.set(peerId, standing)
    const [oldest] = this.#standings.keys()
    if (this.#standings.size > swarmLimits.admittedPeers && oldest !== undefined)
      this.#standings.delete(oldest)
  }

  all(): ReadonlyMap<string, Standing> {
    return this.#standings
  }

  /** Forgets those whose standing has ended. @returns their ids */
  end(nowSeconds: number, isRevoked: (serialOrKey: string) => boolean): readonly string[] {
    const ended = [...this.#standings]
      .filter(
        ([, { until, dependsOn }]) =>
          nowSeconds - limits.clockErrorSeconds > until || dependsOn.some((name) => isRevoked(name)),
      )
      .map(([peerId]) => peerId)
    for (const peerId of ended) this.#standings.delete(peerId)
    return ended
  }
}
