import { messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { Detector } from '../liveness/detector.ts'
import { livenessOf, type Life } from '../liveness/liveness.ts'
import type { DetectorTiming } from '../options.ts'
import type { Self } from '../own/self.ts'
import type { Signer } from '../records/seal.ts'
import type { Roster } from '../words/owners.ts'
import { quorumOf, Rings } from './rings.ts'
import type { RollEntry } from './roll.ts'
import { sealStatement, verifyStatement, type Statement, type StatementKind } from './statement.ts'
import { Statements } from './statements.ts'

export interface CellDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly signer: Signer
  readonly self: Self
  readonly roster: Roster
  readonly detector: Pick<Detector, 'get' | 'apply' | 'watchOthers'>
  /** Tells all others a statement of this peer. */
  readonly push: (statement: Statement) => void
  /** Another member holds this life of this peer dead. */
  readonly onHeldDead: (signer: string, incarnation: number) => void
  /** This peer's key has said something in this life of its, which is not this process's. */
  readonly onOtherLife: (incarnation: number) => void
}

/**
 * The peers that are held alive, who of them watches whom, and what they state about each other's lives. Ends a life when
 * enough of its watchers complain, and lets this peer's own dial decide when some do.
 */
export class Cell {
  readonly #parts: CellDependencies
  readonly #swarm: string
  readonly #timing: DetectorTiming
  readonly #rings: Rings
  readonly #statements: Statements
  #watched: ReadonlySet<string> = new Set()
  #ringEdges: ReadonlySet<string> = new Set()
  #isDirty = true
  /** Since when this peer's own dials to suspects have failed. */
  readonly #unreachableMs = new Map<string, number>()
  /** When this peer last answered an alert; its next answer waits for the next turn. */
  #sworeMs = Number.NEGATIVE_INFINITY
  #owesAnswer = false

  constructor(dependencies: CellDependencies, swarm: string, timing: DetectorTiming) {
    this.#parts = dependencies
    this.#swarm = swarm
    this.#timing = timing
    this.#rings = new Rings(swarm)
    this.#statements = new Statements(dependencies.clock, timing.leaseMs / 2, timing.turnIntervalMs)
  }

  /** The peers that watch this one and that this one watches. */
  watchers(): ReadonlySet<string> {
    this.#refresh()
    return this.#watched
  }

  /** The two watchers before and behind this peer on the first ring, which connects all members. */
  ringEdges(): ReadonlySet<string> {
    this.#refresh()
    return this.#ringEdges
  }

  isWatched(peer: string): boolean {
    return this.#watched.has(peer)
  }

  /** Whether all members watch each other. */
  get isSmall(): boolean {
    return this.#rings.isSmall
  }

  /** A record or a liveness has changed. */
  changed(): void {
    this.#isDirty = true
  }

  /** The lives held alive, this peer's own included. */
  roll(): readonly RollEntry[] {
    return this.#present().map((peer) => {
      const incarnation = this.#incarnationOf(peer)
      return { peer, incarnation, count: this.#statements.aliveOf(peer, incarnation)?.count ?? -1 }
    })
  }

  /** What a neighbour needs that does not hold this life alive: the peer's own word, and the complaints that stand. */
  evidenceOf(peer: string): readonly Statement[] {
    const incarnation = this.#incarnationOf(peer)
    const alive = this.#statements.aliveOf(peer, incarnation)
    if (alive === undefined) return []
    return [alive, ...this.#statements.complaintsOf(peer, incarnation).map(({ statement }) => statement)]
  }

  isDead(peer: string, incarnation: number): boolean {
    const life = this.#parts.detector.get(peer)
    return life?.incarnation === incarnation && life.liveness === 'dead'
  }

  /** The claim that this life is held dead, signed by this peer if nobody else has made it. */
  async heldEvidence(peer: string, incarnation: number): Promise<readonly Statement[]> {
    const alive = this.#statements.aliveOf(peer, incarnation)
    if (alive === undefined) return []
    if (this.#statements.heldOf(peer, incarnation) === undefined)
      await this.#complain('held', peer, incarnation)
    const held = this.#statements.heldOf(peer, incarnation)
    return held === undefined ? [] : [alive, held]
  }

  /** This peer has heard the life itself: complaints of others count no more here. */
  heard(peer: string, incarnation: number): void {
    this.#statements.void(peer, incarnation)
    this.#unreachableMs.delete(peer)
  }

  /** This peer's own dial to a suspect has failed: its watchers say so at once, others when no watcher does. */
  unreachable(peer: string, life: Life): void {
    this.#refresh()
    this.#unreachableMs.set(peer, this.#parts.clock.nowMs())
    if (this.#rings.neighbours(peer).size === 0) this.#parts.detector.apply(peer, { type: 'voted-dead' })
    else if (this.#watched.has(peer)) this.#accuse(peer, life.incarnation)
  }

  /**
   * Reads a statement that a neighbour has sent.
   * @throws {ShoalError} `bad-frame` when it is not signed by the peer that it names
   */
  async receive(statement: Statement): Promise<'news' | 'known'> {
    const { self, roster } = this.#parts
    if (statement.signer === self.peerId) {
      if (statement.kind !== 'alive' || statement.incarnation <= self.incarnation) return 'known'
      await this.#verify(statement)
      this.#parts.onOtherLife(statement.incarnation)
      return 'known'
    }
    // Only members are heard, about members.
    if (roster.get(statement.signer) === undefined || roster.get(statement.subject) === undefined)
      return 'known'
    if (!this.#isNews(statement)) return 'known'
    await this.#verify(statement)
    if (!this.#isNews(statement)) return 'known'
    this.#statements.take(statement)
    this.#heed(statement)
    return 'news'
  }

  /** @throws {ShoalError} `bad-frame` */
  async #verify(statement: Statement): Promise<void> {
    if (await verifyStatement(this.#parts.signer, this.#swarm, statement)) return
    throw new ShoalError('bad-frame', `a statement that names ${statement.signer} is not signed by it`)
  }

  /** Signs that this life of this peer goes on, and tells all others. */
  swear(): void {
    this.#attempt(this.#swear())
  }

  /** One turn: what was said about lives is weighed again, since votes, rings and ages have changed. */
  turn(): void {
    const { clock, roster, detector } = this.#parts
    this.#refresh()
    this.#statements.retain((peer) => roster.get(peer) !== undefined)
    if (this.#owesAnswer) this.swear()
    for (const peer of this.#statements.accused()) this.#weigh(peer)
    for (const [peer, sinceMs] of this.#unreachableMs) {
      const life = detector.get(peer)
      if (life?.liveness !== 'suspect' || life.dial !== 'failed') this.#unreachableMs.delete(peer)
      else this.#reviewUnreachable(peer, life.incarnation, clock.nowMs() - sinceMs)
    }
  }

  /** The observer stood still for this long. */
  paused(durationMs: number): void {
    this.#statements.paused(durationMs)
    for (const [peer, sinceMs] of this.#unreachableMs) this.#unreachableMs.set(peer, sinceMs + durationMs)
  }

  #heed(statement: Statement): void {
    const { clock, self, detector } = this.#parts
    const { kind, signer, subject, incarnation } = statement
    if (kind === 'alive') detector.apply(subject, { type: 'alive-seen', incarnation, atMs: clock.nowMs() })
    else if (subject !== self.peerId) this.#weigh(subject)
    else if (incarnation !== self.incarnation) return
    else if (kind === 'held') this.#parts.onHeldDead(signer, incarnation)
    else if (clock.nowMs() - this.#sworeMs < this.#timing.turnIntervalMs) this.#owesAnswer = true
    else this.swear()
  }

  /** Decides about a peer from the complaints that stand against it. */
  #weigh(peer: string): void {
    const { clock, detector } = this.#parts
    const life = detector.get(peer)
    if (life === undefined || (life.liveness !== 'alive' && life.liveness !== 'suspect')) return
    const complaints = this.#statements.complaintsOf(peer, life.incarnation)
    if (complaints.length === 0) return
    this.#refresh()
    const watchers = this.#rings.neighbours(peer)
    const votes = complaints.filter(({ statement }) => watchers.has(statement.signer)).length
    if (watchers.size > 0 && votes >= quorumOf(watchers.size)) {
      detector.apply(peer, { type: 'voted-dead' })
      return
    }
    // A peer that is held dead answers at once with its next life, so that a dial is seldom needed.
    const isDue = complaints.some(({ statement, atMs }) => {
      const waitMs = statement.kind === 'held' ? this.#timing.turnIntervalMs : this.#timing.alertWaitMs
      return clock.nowMs() - atMs >= waitMs
    })
    if (isDue) detector.apply(peer, { type: 'doubted', atMs: clock.nowMs() })
  }

  /** Watchers accuse, others when the watchers had time to. Where no complaint comes of it, this peer's dial decides. */
  #reviewUnreachable(peer: string, incarnation: number, forMs: number): void {
    const { clock, detector } = this.#parts
    const { alertWaitMs } = this.#timing
    if (this.#watched.has(peer) || forMs >= alertWaitMs) this.#accuse(peer, incarnation)
    const patienceMs = this.#isMember() ? 2 * alertWaitMs : alertWaitMs
    if (forMs >= patienceMs) detector.apply(peer, { type: 'doubted', atMs: clock.nowMs() })
  }

  #accuse(peer: string, incarnation: number): void {
    this.#attempt(this.#complain('alert', peer, incarnation))
  }

  /** Signs a complaint, unless it would be no news. */
  async #complain(kind: StatementKind, subject: string, incarnation: number): Promise<void> {
    const { signer, self } = this.#parts
    const count = this.#statements.aliveOf(subject, incarnation)?.count
    if (count === undefined || !this.#isMember()) return
    const body = { kind, signer: self.peerId, subject, incarnation, count }
    if (!this.#isNews({ ...body, bytes: noBytes })) return
    const statement = await sealStatement(signer, this.#swarm, body)
    if (!this.#isNews(statement)) return
    this.#statements.take(statement)
    this.#parts.push(statement)
    this.#weigh(subject)
  }

  /** Whether others hear what this peer states. */
  #isMember(): boolean {
    const { record } = this.#parts.self
    return record !== undefined && record.state !== 'left'
  }

  #isNews(statement: Statement): boolean {
    const isWatcher =
      statement.kind !== 'alive' && this.#rings.neighbours(statement.subject).has(statement.signer)
    return this.#statements.isNews(statement, isWatcher)
  }

  async #swear(): Promise<void> {
    this.#sworeMs = this.#parts.clock.nowMs()
    this.#owesAnswer = false
    const statement = await this.#parts.self.swear()
    if (statement === undefined || !this.#isNews(statement)) return
    this.#statements.take(statement)
    this.#parts.push(statement)
  }

  #attempt(work: Promise<void>): void {
    work.catch((error: unknown) => this.#parts.logger.error('statement-failed', { reason: messageOf(error) }))
  }

  /** Members held alive, suspects included, sorted; this peer too when it is a member. */
  #present(): readonly string[] {
    const { self, roster, detector } = this.#parts
    return roster.all().flatMap(({ peerId, incarnation, state }) => {
      const liveness = livenessOf(incarnation, detector.get(peerId))
      const isHere =
        peerId === self.peerId ? state !== 'left' : liveness === 'alive' || liveness === 'suspect'
      return isHere ? [peerId] : []
    })
  }

  #incarnationOf(peer: string): number {
    const { self, detector } = this.#parts
    return peer === self.peerId ? self.incarnation : (detector.get(peer)?.incarnation ?? 0)
  }

  /** Draws the rings anew when somebody has come or gone. */
  #refresh(): void {
    if (!this.#isDirty) return
    this.#isDirty = false
    const present = this.#present()
    const { members } = this.#rings
    if (present.length === members.length && present.every((peer, index) => peer === members[index])) return
    this.#rings.set(present)
    const former = this.#watched
    this.#watched = this.#rings.neighbours(this.#parts.self.peerId)
    this.#ringEdges = this.#rings.edges(this.#parts.self.peerId)
    const changed = [
      ...[...former].filter((peer) => !this.#watched.has(peer)),
      ...[...this.#watched].filter((peer) => !former.has(peer)),
    ]
    this.#parts.detector.watchOthers(changed)
  }
}

const noBytes = new Uint8Array()
