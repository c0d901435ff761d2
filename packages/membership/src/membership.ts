import type { Timer } from '@shoal/host'
import type { PeerLoad } from '@shoal/protocol'
import { Cell } from './cell/cell.ts'
import { Gossip } from './gossip/gossip.ts'
import { Listeners } from './listeners.ts'
import { Detector } from './liveness/detector.ts'
import { Evidence } from './liveness/evidence.ts'
import { createStandstill, type Standstill } from './liveness/standstill.ts'
import { Members } from './members.ts'
import { createConduct } from './neighbours/conduct.ts'
import { Mesh } from './neighbours/mesh.ts'
import { Neighbours } from './neighbours/neighbours.ts'
import type { MembershipOptions } from './options.ts'
import { OwnLife } from './own/own-life.ts'
import { RecordPublisher } from './own/record-publisher.ts'
import { Self, type Announcement } from './own/self.ts'
import { createSnapshots, type Snapshot } from './snapshot.ts'
import type { Member, Membership, MembershipDependencies, MembershipEvent } from './types.ts'
import { WordStore } from './words/word-store.ts'

export function createMembership(
  dependencies: MembershipDependencies,
  options: MembershipOptions,
): Membership {
  return new GossipMembership(dependencies, options)
}

/** Connects the parts of membership: hands what one part learns to the others, and runs their turns. */
class GossipMembership implements Membership {
  readonly #parts: MembershipDependencies
  readonly #options: MembershipOptions
  readonly #changes: Listeners<[]>
  readonly #events: Listeners<[event: MembershipEvent]>
  readonly #standstill: Standstill
  readonly #detector: Detector
  readonly #evidence: Evidence
  readonly #store: WordStore
  readonly #self: Self
  readonly #members: Members
  readonly #cell: Cell
  readonly #mesh: Mesh
  readonly #neighbours: Neighbours
  readonly #gossip: Gossip
  readonly #publisher: RecordPublisher
  readonly #life: OwnLife
  readonly #snapshotOf = createSnapshots()
  #timer: Timer | undefined
  #closed = false

  constructor(dependencies: MembershipDependencies, options: MembershipOptions) {
    const { transport, clock, logger } = dependencies
    this.#parts = dependencies
    this.#options = options
    this.#changes = new Listeners(logger)
    this.#events = new Listeners(logger)
    this.#standstill = createStandstill(clock, options.turnIntervalMs)
    this.#detector = this.#createDetector()
    this.#evidence = new Evidence({
      ...dependencies,
      detector: this.#detector,
      onOwnWords: (incarnation) => this.#life.heardOther(incarnation),
      onReview: (peer) => this.#review(peer),
    })
    this.#store = new WordStore(
      { signer: transport, clock, isGone: (peer) => this.#evidence.isGone(peer) },
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
    this.#members = new Members(clock, this.#self, this.#store.roster, this.#detector, options.leaseMs)
    this.#cell = this.#createCell()
    this.#mesh = new Mesh(
      { ...dependencies, members: () => this.#members.all(), watchers: () => this.#cell.watching.watchers() },
      { neighboursMax: options.neighboursMax, dialMs: options.dialBackMs },
    )
    this.#neighbours = new Neighbours(
      { transport, clock, logger, conduct: dependencies.conduct ?? createConduct(clock) },
      options.dialBackMs,
    )
    this.#gossip = this.#createGossip()
    this.#publisher = new RecordPublisher({
      ...dependencies,
      self: this.#self,
      onWord: (word, urgent) => {
        this.#cell.watching.changed()
        this.#gossip.say(word, urgent || this.#cell.watching.isSmall)
        // The first word of a life: only the peer's own statement makes it alive for those that it sends no beats.
        if (word.seq === 1) this.#cell.swear()
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

  setLoad(load: PeerLoad): void {
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
    for (const part of [this.#publisher, this.#life, this.#mesh, this.#detector]) part.close()
    await this.#neighbours.close()
    this.#store.close()
  }

  #createDetector(): Detector {
    return new Detector(
      {
        clock: this.#parts.clock,
        beforeNews: () => this.#noticeStandstill(),
        isWatched: (peer) => this.#cell.watching.isWatched(peer),
        dialBack: (peer, signal) => this.#mesh.reach(peer, signal),
        onAnswered: (peer) => this.#gossip.askForBeat(peer),
        onUnreachable: (peer, life) => this.#cell.unreachable(peer, life),
        onTransition: (peer, { liveness, incarnation }) => {
          if (liveness === 'suspect') this.#emit({ type: 'peer-suspected', peer, incarnation })
          this.#review(peer)
        },
      },
      this.#options,
    )
  }

  #createCell(): Cell {
    return new Cell(
      {
        ...this.#parts,
        signer: this.#parts.transport,
        self: this.#self,
        roster: this.#store.roster,
        detector: this.#detector,
        push: (statement) => this.#gossip.state(statement),
        onHeldDead: (member, memberIncarnation, incarnation) => {
          this.#noticeStandstill()
          this.#life.heldDead(member, memberIncarnation, incarnation)
        },
        onNewLife: (member, incarnation) => this.#life.memberBegan(member, incarnation),
        askForBeat: (peer) => this.#gossip.askForBeat(peer),
        onOutvoted: () => this.#life.outvoted(),
        onOtherLife: (incarnation) => this.#life.heardOther(incarnation),
      },
      this.#options.document,
      this.#options,
    )
  }

  #createGossip(): Gossip {
    return new Gossip(
      {
        ...this.#parts,
        store: this.#store,
        self: this.#self,
        cell: this.#cell,
        members: this.#members,
        detector: this.#detector,
        neighbours: this.#neighbours,
        standstill: this.#standstill,
        onRoundTrip: (peer, rttMs) => this.#mesh.measured(peer, rttMs),
        isSilent: () => this.#life.raising,
      },
      {
        onRecord: (record) => this.#evidence.learnRecord(record),
        onFault: (owner, incarnation) => this.#evidence.learnFault(owner, incarnation),
        onGhost: () => this.#mesh.retryDead(),
      },
      this.#options.document,
      this.#options,
    )
  }

  #createLife(): OwnLife {
    return new OwnLife(
      {
        ...this.#parts,
        self: this.#self,
        isMember: (peer) => this.#store.roster.get(peer) !== undefined,
        nextIncarnation: (atLeast) => this.#parts.nextIncarnation?.(atLeast),
        quorum: () => this.#cell.watching.quorum(),
        onExpired: (event) => this.#emit(event),
        announce: async () => {
          this.#detector.forgetVerdicts()
          this.#mesh.retryDead()
          await this.#publisher.publishNow()
          this.#gossip.beat()
        },
      },
      this.#options.leaseMs,
    )
  }

  #listenToNeighbours(): void {
    this.#neighbours.listen({
      onReady: (peer) => {
        this.#gossip.greet(peer)
        if (this.#detector.get(peer)?.liveness === 'dead') this.#mesh.retryDead()
      },
      onGone: (peer) => {
        this.#gossip.lost(peer)
        this.#detector.apply(peer, { type: 'connection-lost', atMs: this.#parts.clock.nowMs() })
      },
      onShutOut: (peer, why) => this.#emit({ type: 'peer-shut-out', peer, why }),
      onMessage: (peer, message) => this.#gossip.receive(peer, message),
    })
  }

  #turn(): void {
    const { turnIntervalMs } = this.#options
    this.#timer = this.#parts.clock.after(turnIntervalMs, () => this.#turn(), { background: true })
    this.#noticeStandstill()
    this.#standstill.turn()
    this.#life.turn()
    this.#gossip.tick()
    this.#detector.tick()
    this.#cell.turn()
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
    this.#cell.paused(gapMs)
    if (gapMs > this.#options.leaseMs && this.#self.record !== undefined)
      this.#life.raise('stood-still', this.#self.incarnation)
  }

  /** Tells listeners how a peer has changed. */
  #review(peer: string): void {
    this.#cell.watching.changed()
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
