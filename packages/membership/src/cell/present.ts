import type { Detector } from '../liveness/detector.ts'
import { livenessOf } from '../liveness/liveness.ts'
import type { Self } from '../own/self.ts'
import type { Roster } from '../words/owners.ts'

/** Who is held alive now. */
export class Present {
  readonly #self: Self
  readonly #roster: Roster
  readonly #detector: Pick<Detector, 'get'>

  constructor(self: Self, roster: Roster, detector: Pick<Detector, 'get'>) {
    this.#self = self
    this.#roster = roster
    this.#detector = detector
  }

  /** Members held alive, suspects included, sorted; this peer too when it is a member. */
  peers(): readonly string[] {
    return this.#roster.all().flatMap(({ peerId, incarnation, state }) => {
      const liveness = livenessOf(incarnation, this.#detector.get(peerId))
      const isHere =
        peerId === this.#self.peerId ? state !== 'left' : liveness === 'alive' || liveness === 'suspect'
      return isHere ? [peerId] : []
    })
  }

  incarnationOf(peer: string): number {
    return peer === this.#self.peerId ? this.#self.incarnation : (this.#detector.get(peer)?.incarnation ?? 0)
  }
}
