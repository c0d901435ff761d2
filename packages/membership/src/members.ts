import type { Clock } from '@shoal/host'
import type { Beat, PeerLoad } from '@shoal/protocol'
import { hashOfName } from './cell/roll.ts'
import type { MemberRecord } from './records/record.ts'
import type { Detector } from './liveness/detector.ts'
import { livenessOf, type Liveness } from './liveness/liveness.ts'
import type { Self } from './own/self.ts'
import type { Member, PeerEvent } from './types.ts'
import type { Roster } from './words/owners.ts'

/** A load, and when it was heard. */
interface HeardLoad extends PeerLoad {
  readonly atMs: number
  /** From the peer's own beat, not from another's. */
  readonly isOwn: boolean
}

/** The members: their records with their liveness, and the presence that listeners were last told of. */
export class Members {
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #self: Self
  readonly #roster: Roster
  readonly #detector: Pick<Detector, 'get'>
  /** A load that was heard longer ago than this counts no more. */
  readonly #loadMs: number
  readonly #loads = new Map<string, HeardLoad>()
  /** Peers that listeners were told are here, each with the incarnation that they were told of. */
  readonly #present = new Map<string, number>()

  constructor(
    clock: Pick<Clock, 'nowMs'>,
    self: Self,
    roster: Roster,
    detector: Pick<Detector, 'get'>,
    loadMs: number,
  ) {
    this.#clock = clock
    this.#self = self
    this.#roster = roster
    this.#detector = detector
    this.#loadMs = loadMs
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
      load: this.#loadOf(record.peerId),
    }))
  }

  /** Records of the members held alive, sorted by peer id. */
  alive(): readonly MemberRecord[] {
    return this.#roster.all().filter((record) => this.livenessOf(record) === 'alive')
  }

  /** Takes the load that a peer's beat tells, and those that it passes on. */
  setLoad(peer: string, { sessions, busyPermille, loads }: PeerLoad & Pick<Beat, 'loads'>): void {
    const atMs = this.#clock.nowMs()
    this.#loads.set(peer, { sessions, busyPermille, atMs, isOwn: true })
    if (loads.length === 0) return
    const named = new Map(this.#roster.all().map(({ peerId }) => [hashOfName(peerId), peerId]))
    for (const { peer: hash, ...load } of loads) {
      const other = named.get(hash)
      if (other !== undefined && this.#present.has(other) && this.#fresh(other)?.isOwn !== true)
        this.#loads.set(other, { ...load, atMs, isOwn: false })
    }
  }

  /** Loads from beats of peers themselves. */
  *heardLoads(): Iterable<readonly [peer: string, load: PeerLoad]> {
    for (const peer of this.#loads.keys()) {
      const load = this.#fresh(peer)
      if (load?.isOwn === true) yield [peer, { sessions: load.sessions, busyPermille: load.busyPermille }]
    }
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

  #loadOf(peer: string): PeerLoad | null {
    if (peer === this.#self.peerId) return this.#self.load
    const load = this.#fresh(peer)
    return load === undefined ? null : { sessions: load.sessions, busyPermille: load.busyPermille }
  }

  #fresh(peer: string): HeardLoad | undefined {
    const load = this.#loads.get(peer)
    return load === undefined || this.#clock.nowMs() - load.atMs > this.#loadMs ? undefined : load
  }
}
