import type { MemberRecord } from './records/record.ts'
import type { Detector } from './liveness/detector.ts'
import { livenessOf, type Liveness } from './liveness/liveness.ts'
import type { BeatLoad, Self } from './own/self.ts'
import type { Member, PeerEvent } from './types.ts'
import type { Roster } from './words/owners.ts'

/** The members: their records with their liveness, and the presence that listeners were last told of. */
export class Members {
  readonly #self: Self
  readonly #roster: Roster
  readonly #detector: Pick<Detector, 'get'>
  readonly #loads = new Map<string, BeatLoad>()
  /** Peers that listeners were told are here, each with the incarnation that they were told of. */
  readonly #present = new Map<string, number>()

  constructor(self: Self, roster: Roster, detector: Pick<Detector, 'get'>) {
    this.#self = self
    this.#roster = roster
    this.#detector = detector
  }

  livenessOf(record: MemberRecord): Liveness {
    if (record.peerId === this.#self.peerId) return record.state === 'left' ? 'left' : 'alive'
    return livenessOf(record.incarnation, this.#detector.get(record.peerId))
  }

  /** Sorted by peer id. */
  all(): readonly Member[] {
    return this.#roster.all().map((record) => ({
      record,
      liveness: this.livenessOf(record),
      load: record.peerId === this.#self.peerId ? this.#self.load : (this.#loads.get(record.peerId) ?? null),
    }))
  }

  /** Records of the members held alive, sorted by peer id. */
  alive(): readonly MemberRecord[] {
    return this.#roster.all().filter((record) => this.livenessOf(record) === 'alive')
  }

  setLoad(peer: string, load: BeatLoad): void {
    this.#loads.set(peer, load)
  }

  /**
   * Compares what listeners were last told of a peer with its present record and liveness.
   * @returns the events to tell them; undefined for a peer without a record, and for this peer itself
   */
  review(peer: string): readonly PeerEvent[] | undefined {
    const record = this.#roster.get(peer)
    if (record === undefined || peer === this.#self.peerId) return undefined
    const events: PeerEvent[] = []
    const liveness = this.livenessOf(record)
    const here = liveness === 'alive' || liveness === 'suspect'
    const known = this.#present.get(peer)
    if (known !== undefined && (!here || known !== record.incarnation)) {
      this.#present.delete(peer)
      this.#loads.delete(peer)
      const left = liveness === 'left' && known === record.incarnation
      events.push({ type: left ? 'peer-left' : 'peer-dead', peer, incarnation: known })
    }
    if (here && known !== record.incarnation) {
      this.#present.set(peer, record.incarnation)
      events.push({ type: 'peer-joined', peer, incarnation: record.incarnation })
    }
    return events
  }
}
