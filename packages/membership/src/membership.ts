import { messageOf, type Timer } from '@shoal/host'
import { Gossip } from './gossip/gossip.ts'
import { Listeners } from './listeners.ts'
import { Detector } from './liveness/detector.ts'
import { createStandstill, type Standstill } from './liveness/standstill.ts'
import { Members } from './members.ts'
import { createConduct } from './neighbours/conduct.ts'
import { Mesh } from './neighbours/mesh.ts'
import { Neighbours } from './neighbours/neighbours.ts'
import type { MembershipOptions } from './options.ts'
import { OwnLife } from './own/own-life.ts'
import { RecordPublisher } from './own/record-publisher.ts'
import { Self, type Announcement, type BeatLoad } from './own/self.ts'
import type { MemberRecord } from './records/record.ts'
import { createSnapshots, type Snapshot } from './snapshot.ts'
import type { Member, Membership, MembershipDependencies, MembershipEvent } from './types.ts'
import { WordStore } from './words/word-store.ts'

export function createMembership(
  dependencies: MembershipDependencies,
  options: MembershipOptions,
): Membership {
  return new GossipMembership(dependencies, options)
}

/**
 * Connects the parts of membership: hands what one part learns to the others, and runs a turn of all parts once per beat
 * interval.
 */
class GossipMembership implements Membership {
  readonly #parts: MembershipDependencies
  readonly #options: MembershipOptions
  readonly #changes: Listeners<[]>
  readonly #events: Listeners<[event: MembershipEvent]>
  readonly #standstill: Standstill
  readonly #detector: Detector
  readonly #store: WordStore
  readonly #self: Self
  readonly #members: Members
  readonly #mesh: Mesh
  readonly #neighbours: Neighbours
  readonly #gossip: Gossip
  readonly #publisher: RecordPublisher
  readonly #life: OwnLife
  readonly #snapshotOf = createSnapshots()
  #timer: Timer | undefined
  #closed = false

  constructor(dependencies: MembershipDependencies, options: MembershipOptions) {
    const { transport, clock, random, logger } = dependencies
    this.#parts = dependencies
    this.#options = options
    this.#changes = new Listeners(logger)
    this.#events = new Listeners(logger)
    this.#standstill = createStandstill(clock, options.beatIntervalMs)
    this.#detector = this.#createDetector()
    this.#store = new WordStore(
      { signer: transport, clock, isGone: (peer) => this.#isGone(peer) },
      options.document,
    )
    this.#self = new Self(
      {
        peerId: transport.peerId,
        signer: transport,
        store: this.#store,
        addresses: () => transport.addresses(),
      },
      options.document,
      options.incarnation,
    )
    this.#members = new Members(this.#self, this.#store.roster, this.#detector)
    this.#mesh = new Mesh(
      { transport, clock, random, logger, members: () => this.#members.all() },
      { neighboursMax: options.neighboursMax, dialMs: options.dialBackMs },
    )
    this.#neighbours = new Neighbours(
      { transport, clock, logger, conduct: dependencies.conduct ?? createConduct(clock) },
      options.dialBackMs,
    )
    this.#gossip = this.#createGossip()
    this.#publisher = new RecordPublisher({
      clock,
      logger,
      self: this.#self,
      onWord: (word) => {
        this.#gossip.say(word)
        this.#changes.call()
      },
    })
    this.#life = this.#createLife()
    this.#listenToNeighbours()
  }

  start(): void {
    if (this.#timer !== undefined || this.#closed) return
    this.#standstill.turn()
    this.#neighbours.maintain()
    this.#turn()
  }

  announce(patch: Announcement): Promise<void> {
    return this.#publisher.publish(patch)
  }

  setLoad(load: BeatLoad): void {
    this.#self.load = load
  }

  leave(): Promise<void> {
    if (this.#self.record === undefined) return Promise.resolve()
    this.#self.change({ state: 'left', span: null })
    return this.#publisher.publishNow()
  }

  members(): readonly Member[] {
    return this.#members.all()
  }

  onChange(listener: () => void): () => void {
    return this.#changes.add(listener)
  }

  onEvent(listener: (event: MembershipEvent) => void): () => void {
    return this.#events.add(listener)
  }

  links(): Readonly<Record<string, number>> {
    return this.#mesh.links()
  }

  snapshot(): Snapshot {
    return this.#snapshotOf(this.#members.alive())
  }

  get incarnation(): number {
    return this.#self.incarnation
  }

  documentBytes(): number {
    return this.#store.byteLength()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.#publisher.close()
    this.#life.close()
    this.#mesh.close()
    this.#detector.close()
    await this.#neighbours.close()
    this.#store.close()
  }

  #createDetector(): Detector {
    return new Detector(
      {
        clock: this.#parts.clock,
        beforeNews: () => this.#noticeStandstill(),
        dialBack: (peer, signal) => this.#mesh.reach(peer, signal),
        onTransition: (peer, { liveness, incarnation }) => {
          if (liveness === 'suspect') this.#emit({ type: 'peer-suspected', peer, incarnation })
          this.#review(peer)
        },
      },
      this.#options,
    )
  }

  #createGossip(): Gossip {
    return new Gossip(
      {
        ...this.#parts,
        signer: this.#parts.transport,
        store: this.#store,
        self: this.#self,
        detector: this.#detector,
        neighbours: this.#neighbours,
        standstill: this.#standstill,
      },
      {
        onRecord: (record) => this.#learnRecord(record),
        onFault: (owner, incarnation) => this.#learnFault(owner, incarnation),
        onBeat: (peer, { sessions, busyPermille }) => this.#members.setLoad(peer, { sessions, busyPermille }),
        onHeldDead: (neighbour, incarnation) => {
          this.#noticeStandstill()
          this.#life.heldDead(neighbour, incarnation)
        },
        onGhost: () => this.#mesh.retryDead(),
      },
      this.#options.document,
      this.#options.beatIntervalMs,
    )
  }

  #createLife(): OwnLife {
    const { clock, logger } = this.#parts
    return new OwnLife(
      {
        clock,
        logger,
        self: this.#self,
        isMember: (peer) => this.#store.roster.get(peer) !== undefined,
        nextIncarnation: (atLeast) => this.#parts.nextIncarnation?.(atLeast),
        onExpired: (event) => this.#emit(event),
        announce: async () => {
          await this.#publisher.publishNow()
          await this.#gossip.beat()
        },
      },
      this.#options.leaseMs,
    )
  }

  #listenToNeighbours(): void {
    const { clock, logger } = this.#parts
    this.#neighbours.listen({
      onReady: (peer) => {
        this.#gossip
          .greet(peer)
          .catch((error: unknown) => logger.error('greeting-failed', { peer, reason: messageOf(error) }))
        if (this.#detector.get(peer)?.liveness === 'dead') this.#mesh.retryDead()
      },
      onGone: (peer) => this.#detector.apply(peer, { type: 'connection-lost', atMs: clock.nowMs() }),
      onShutOut: (peer, why) => this.#emit({ type: 'peer-shut-out', peer, why }),
      onMessage: (peer, message) => this.#gossip.receive(peer, message),
    })
  }

  #turn(): void {
    this.#timer = this.#parts.clock.after(this.#options.beatIntervalMs, () => this.#turn(), {
      background: true,
    })
    this.#noticeStandstill()
    this.#standstill.turn()
    if (!this.#life.raising) void this.#gossip.beat()
    this.#detector.tick()
    this.#gossip.tick()
    this.#neighbours.maintain()
    this.#mesh.tick()
    this.#publisher.announceLinks(this.#mesh.links())
  }

  /** Extends all deadlines by the time that this peer stood still. After more than its own lease, ends its incarnation. */
  #noticeStandstill(): void {
    if (this.#timer === undefined) return
    const gapMs = this.#standstill.takeMs()
    if (gapMs === 0) return
    this.#detector.paused(gapMs)
    if (gapMs > this.#options.leaseMs && this.#self.record !== undefined)
      this.#life.raise('stood-still', this.#self.incarnation)
  }

  #learnRecord(record: MemberRecord): void {
    const { transport, clock } = this.#parts
    const { peerId, incarnation } = record
    if (peerId === transport.peerId) {
      // This key has announced more than this process knows: an earlier life whose number was lost, or a second process.
      if (incarnation >= this.#self.incarnation) this.#life.raise('older-record', incarnation)
      return
    }
    transport.learn(peerId, record.addresses)
    this.#detector.apply(peerId, {
      type: 'record-seen',
      incarnation,
      left: record.state === 'left',
      atMs: clock.nowMs(),
    })
    this.#review(peerId)
  }

  /** A peer's own words prove a fault: its life is over for everybody who has the proof. */
  #learnFault(owner: string, incarnation: number): void {
    const { transport, clock } = this.#parts
    // A second process uses this key, or an earlier life whose number was lost has said other words.
    if (owner === transport.peerId) {
      if (incarnation >= this.#self.incarnation) this.#life.raise('older-record', incarnation)
      return
    }
    this.#detector.apply(owner, { type: 'proved-false', incarnation, atMs: clock.nowMs() })
    this.#review(owner)
  }

  #isGone(peer: string): boolean {
    const liveness = this.#detector.get(peer)?.liveness
    return liveness === 'dead' || liveness === 'left'
  }

  /** Tells listeners how a peer has changed. */
  #review(peer: string): void {
    const events = this.#members.review(peer)
    if (events === undefined) return
    for (const event of events) this.#emit(event)
    this.#changes.call()
  }

  #emit(event: MembershipEvent): void {
    this.#parts.logger.debug(event.type, { ...event })
    this.#events.call(event)
  }
}
