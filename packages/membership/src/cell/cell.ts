import { messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { Detector } from '../liveness/detector.ts'
import { isOver, type Life } from '../liveness/liveness.ts'
import { memberLimits } from '../limits.ts'
import type { DetectorTiming } from '../options.ts'
import type { Self } from '../own/self.ts'
import type { Signer } from '../records/seal.ts'
import type { Roster } from '../words/owners.ts'
import { Contested } from './contested.ts'
import { Oath } from './oath.ts'
import { Present } from './present.ts'
import { quorumOf } from './rings.ts'
import type { RollEntry } from './roll.ts'
import { sealStatement, verifyStatement, type Statement, type StatementKind } from './statement.ts'
import { Statements } from './statements.ts'
import { Watching } from './watching.ts'

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
  readonly onHeldDead: (signer: string, signerIncarnation: number, incarnation: number) => void
  /** Another member has begun a life, without the verdicts of its former one. */
  readonly onNewLife: (member: string, incarnation: number) => void
  readonly askForBeat: (peer: string) => void
  /** This peer holds a life dead that goes on, and too few others do. */
  readonly onOutvoted: () => void
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
  /** Who watches whom. */
  readonly watching: Watching
  readonly #statements: Statements
  readonly #contested: Contested
  readonly #oath: Oath
  readonly #present: Present
  /** Since when this peer's own dials to suspects have failed. */
  readonly #unreachableMs = new Map<string, number>()

  constructor(dependencies: CellDependencies, swarm: string, timing: DetectorTiming) {
    this.#parts = dependencies
    this.#swarm = swarm
    this.#timing = timing
    this.#statements = new Statements(dependencies.clock, timing.leaseMs / 2, timing.turnIntervalMs)
    const { clock, self, roster, detector, askForBeat, onOutvoted } = dependencies
    this.#present = new Present(self, roster, detector)
    this.watching = new Watching(
      {
        peerId: self.peerId,
        present: () => this.#present.peers(),
        onChange: (peers) => detector.watchOthers(peers),
      },
      swarm,
    )
    this.#contested = new Contested(
      {
        clock,
        isDead: (peer, incarnation) => this.isDead(peer, incarnation),
        isBelieved: (peer, incarnation) => this.#isBelieved(peer, incarnation),
        ask: askForBeat,
        onOutvoted,
      },
      timing.leaseMs,
    )
    this.#oath = new Oath(
      { clock, self, onSworn: (statement) => this.#sworn(statement) },
      timing.turnIntervalMs,
    )
  }

  /** The lives held alive, this peer's own included. */
  roll(): readonly RollEntry[] {
    return this.#present.peers().map((peer) => {
      const incarnation = this.#present.incarnationOf(peer)
      return { peer, incarnation, count: this.#statements.aliveOf(peer, incarnation)?.count ?? -1 }
    })
  }

  /** What a neighbour needs that does not hold this life alive: the peer's own word, and the complaints that stand. */
  evidenceOf(peer: string): readonly Statement[] {
    const incarnation = this.#present.incarnationOf(peer)
    const alive = this.#statements.aliveOf(peer, incarnation)
    if (alive === undefined) return []
    return [alive, ...this.#statements.complaintsOf(peer, incarnation).map(({ statement }) => statement)]
  }

  isDead(peer: string, incarnation: number): boolean {
    const life = this.#parts.detector.get(peer)
    return life?.incarnation === incarnation && life.liveness === 'dead' && isOver(life)
  }

  /** A life that is given up here has sent a beat. */
  ghostSpoke(peer: string, incarnation: number): void {
    this.#contested.spoke(peer, incarnation)
  }

  /**
   * Whether the owner of a life that is given up here has heard so from enough members. In its view of the cell the lives
   * that are given up here go on, and claims of members that are gone may never have reached it.
   */
  #isBelieved(peer: string, incarnation: number): boolean {
    const here = new Set(this.#present.peers())
    const holders = this.#statements.countHolders(peer, incarnation, (signer) => here.has(signer))
    return holders >= this.watching.quorum(this.#contested.size)
  }

  /** The claims that this life is held dead; this peer adds its own unless there are enough. */
  async heldEvidence(peer: string, incarnation: number): Promise<readonly Statement[]> {
    const alive = this.#statements.aliveOf(peer, incarnation)
    if (alive === undefined) return []
    await this.#claimDead(peer, incarnation)
    const held = this.#statements.heldOf(peer, incarnation)
    return held.length === 0 ? [] : [alive, ...held]
  }

  /** This peer has heard the life itself: complaints of others count no more here. */
  heard(peer: string, incarnation: number): void {
    this.#statements.void(peer, incarnation)
    this.#unreachableMs.delete(peer)
  }

  /** This peer's own dial to a suspect has failed: its watchers say so at once, others when no watcher does. */
  unreachable(peer: string, life: Life): void {
    this.watching.refresh()
    this.#unreachableMs.set(peer, this.#parts.clock.nowMs())
    if (this.watching.watchersOf(peer).size === 0) this.#parts.detector.apply(peer, { type: 'voted-dead' })
    else if (this.watching.isWatched(peer)) this.#accuse(peer, life.incarnation)
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
    const { kind, signer, incarnation } = statement
    const begins = kind === 'alive' && this.#statements.aliveOf(signer, incarnation) === undefined
    this.#statements.take(statement)
    if (begins) {
      this.#statements.forgetClaimsBefore(signer, incarnation)
      this.#parts.onNewLife(signer, incarnation)
    }
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
    this.#attempt(this.#oath.swear())
  }

  /** One turn: what was said about lives is weighed again, since votes, rings and ages have changed. */
  turn(): void {
    const { clock, roster, detector } = this.#parts
    this.watching.refresh()
    this.#statements.retain((peer) => roster.get(peer) !== undefined)
    this.#attempt(this.#oath.turn())
    for (const peer of this.#statements.accused()) this.#weigh(peer)
    this.#contested.turn()
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

  /** Says of a life that is given up here, and that goes on, that it is held dead; unless enough have said so. */
  async #claimDead(peer: string, incarnation: number): Promise<void> {
    this.#contested.begin(peer, incarnation)
    if (this.#statements.heldOf(peer, incarnation).length < memberLimits.maxHolders)
      await this.#complain('held', peer, incarnation)
  }

  #heed(statement: Statement): void {
    const { clock, self, detector } = this.#parts
    const { kind, signer, subject, incarnation } = statement
    if (kind === 'alive') detector.apply(subject, { type: 'alive-seen', incarnation, atMs: clock.nowMs() })
    else if (subject !== self.peerId) {
      this.#weigh(subject)
      // Another one says so of a life that goes on: the subject counts how many agree.
      if (kind === 'held' && this.isDead(subject, incarnation))
        this.#attempt(this.#claimDead(subject, incarnation))
    } else if (incarnation !== self.incarnation) return
    else if (kind === 'held') this.#parts.onHeldDead(signer, statement.signerIncarnation ?? 0, incarnation)
    else this.#attempt(this.#oath.answer())
  }

  /** Decides about a peer from the complaints that stand against it. */
  #weigh(peer: string): void {
    const { clock, detector } = this.#parts
    const life = detector.get(peer)
    if (life === undefined || (life.liveness !== 'alive' && life.liveness !== 'suspect')) return
    const complaints = this.#statements.complaintsOf(peer, life.incarnation)
    if (complaints.length === 0) return
    this.watching.refresh()
    const watchers = this.watching.watchersOf(peer)
    const votes = complaints.filter(({ statement }) => watchers.has(statement.signer)).length
    if (watchers.size > 0 && votes >= quorumOf(watchers.size)) {
      detector.apply(peer, { type: 'voted-dead' })
      return
    }
    // A peer that is held dead answers in its next turn, so that a dial is seldom needed.
    const isDue = complaints.some(({ statement, atMs }) => {
      const waitMs = statement.kind === 'held' ? 2 * this.#timing.turnIntervalMs : this.#timing.alertWaitMs
      return clock.nowMs() - atMs >= waitMs
    })
    if (isDue) detector.apply(peer, { type: 'doubted', atMs: clock.nowMs() })
  }

  /** Watchers accuse, others when the watchers had time to. Where no complaint comes of it, this peer's dial decides. */
  #reviewUnreachable(peer: string, incarnation: number, forMs: number): void {
    const { clock, detector } = this.#parts
    const { alertWaitMs } = this.#timing
    if (this.watching.isWatched(peer) || forMs >= alertWaitMs) this.#accuse(peer, incarnation)
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
    const life = kind === 'held' ? { signerIncarnation: self.incarnation } : {}
    const body = { kind, signer: self.peerId, subject, incarnation, count, ...life }
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
      statement.kind !== 'alive' && this.watching.watchersOf(statement.subject).has(statement.signer)
    return this.#statements.isNews(statement, isWatcher)
  }

  #sworn(statement: Statement): void {
    if (!this.#isNews(statement)) return
    this.#statements.take(statement)
    this.#parts.push(statement)
  }

  #attempt(work: Promise<void>): void {
    work.catch((error: unknown) => this.#parts.logger.error('statement-failed', { reason: messageOf(error) }))
  }
}

const noBytes = new Uint8Array()
