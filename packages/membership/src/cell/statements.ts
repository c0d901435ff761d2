import type { Clock } from '@shoal/host'
import { memberLimits } from '../limits.ts'
import { Pace } from '../words/pace.ts'
import type { Statement } from './statement.ts'

/** An alert, or the claim that a life is held dead. */
export interface Complaint {
  readonly statement: Statement
  /** When it came, by this observer's clock, without the time in which the observer stood still. */
  atMs: number
  /** This observer has heard the subject itself since. */
  isVoid: boolean
}

/** One signer's complaints of one life, so far. */
interface Accuser {
  /** When it last complained. */
  lastMs: number
  /** Complaints of its that the subject has refuted although few others complained. */
  refuted: number
  /** In which life of its own it has claimed that it holds this life dead; -1 when it has not. */
  holdsDeadIn: number
}

/** What was stated of one subject's newest life. */
interface Subject {
  readonly incarnation: number
  readonly alive: Statement
  /** By signer. An `alive` with a higher number deletes them. */
  readonly complaints: Map<string, Complaint>
  /** What each signer has said against this life, whatever became of it. */
  readonly accusers: Map<string, Accuser>
  /** Of its `alive` statements, over all its lives: each is verified and passed on by everybody. */
  readonly pace: Pace
}

/**
 * The statements that count now: of each subject its newest `alive`, and the complaints that name it. Everything else is
 * refused without a trace, so that nothing that was forgotten comes in again as news.
 */
export class Statements {
  readonly #clock: Pick<Clock, 'nowMs'>
  /** Least time between two complaints of one signer about one life, before many were refuted: half a lease. */
  readonly #paceMs: number
  /** Time in which a subject may state once more that it is alive. */
  readonly #aliveMs: number
  readonly #subjects = new Map<string, Subject>()

  constructor(clock: Pick<Clock, 'nowMs'>, paceMs: number, aliveMs: number) {
    this.#clock = clock
    this.#paceMs = paceMs
    this.#aliveMs = aliveMs
  }

  /** The newest `alive` of this life of a peer. */
  aliveOf(peer: string, incarnation: number): Statement | undefined {
    const subject = this.#subjects.get(peer)
    return subject?.incarnation === incarnation ? subject.alive : undefined
  }

  /** Complaints of this life of a peer, void ones left out. */
  complaintsOf(peer: string, incarnation: number): readonly Complaint[] {
    const subject = this.#subjects.get(peer)
    if (subject?.incarnation !== incarnation) return []
    return [...subject.complaints.values()].filter(({ isVoid }) => !isVoid)
  }

  /** The standing claims that this life of a peer is held dead. */
  heldOf(peer: string, incarnation: number): readonly Statement[] {
    const subject = this.#subjects.get(peer)
    if (subject?.incarnation !== incarnation) return []
    return [...subject.complaints.values()].flatMap(({ statement }) =>
      statement.kind === 'held' ? [statement] : [],
    )
  }

  /** How many of these peers have claimed of this life that they hold it dead, refuted claims included. */
  countHolders(peer: string, incarnation: number, among: (signer: string) => boolean): number {
    const subject = this.#subjects.get(peer)
    if (subject?.incarnation !== incarnation) return 0
    return [...subject.accusers].filter(([signer, accuser]) => holdsDead(accuser) && among(signer)).length
  }

  /** Peers of which somebody complains. */
  accused(): readonly string[] {
    return [...this.#subjects].filter(([, { complaints }]) => complaints.size > 0).map(([peer]) => peer)
  }

  /** Whether a statement would be taken. Asked before its signature is checked. */
  isNews(statement: Statement, isWatcher: boolean): boolean {
    const { kind, signer, incarnation, count } = statement
    const subject = this.#subjects.get(statement.subject)
    if (kind === 'alive') {
      if (subject === undefined) return true
      if (subject.pace.waitMs() > 0) return false
      if (incarnation !== subject.incarnation) return incarnation > subject.incarnation
      return count > subject.alive.count
    }
    // A complaint counts only against a number that the subject has signed.
    if (subject?.incarnation !== incarnation || count !== subject.alive.count) return false
    if (kind === 'held' && lifeOf(statement) < (this.#subjects.get(signer)?.incarnation ?? 0)) return false
    const kept = subject.complaints.get(signer)
    const accuser = subject.accusers.get(signer)
    if (kept !== undefined) return kept.statement.kind === 'alert' && kind === 'held' && !holdsDead(accuser)
    const { maxComplaints } = memberLimits
    if (subject.complaints.size >= (isWatcher ? 2 * maxComplaints : maxComplaints)) return false
    if (accuser === undefined || (kind === 'held' && !holdsDead(accuser))) return true
    return this.#clock.nowMs() - accuser.lastMs >= this.#waitMs(accuser)
  }

  /** Time that an accuser must leave between two complaints: it doubles with each refuted one beyond the first few. */
  #waitMs({ refuted }: Accuser): number {
    const { refutedFree, maxComplaintWaitMs } = memberLimits
    return Math.min(maxComplaintWaitMs, this.#paceMs * 2 ** Math.max(0, refuted - refutedFree))
  }

  /** Takes a verified statement that {@link isNews}. */
  take(statement: Statement): void {
    const { kind, signer, incarnation } = statement
    const former = this.#subjects.get(statement.subject)
    const accusers = former?.incarnation === incarnation ? former.accusers : new Map<string, Accuser>()
    if (kind === 'alive') {
      const pace = former?.pace ?? new Pace(this.#clock, memberLimits.aliveBurst, this.#aliveMs)
      pace.take()
      // Where many complain, something was wrong, and nobody is blamed for it.
      if (former !== undefined && former.complaints.size < memberLimits.complaintsBelieved)
        for (const name of former.complaints.keys()) {
          const accuser = accusers.get(name)
          if (accuser !== undefined) accuser.refuted += 1
        }
      this.#subjects.set(statement.subject, {
        incarnation,
        alive: statement,
        complaints: new Map(),
        accusers,
        pace,
      })
      return
    }
    const atMs = this.#clock.nowMs()
    former?.complaints.set(signer, { statement, atMs, isVoid: false })
    this.#noteAccuser(accusers, signer, kind === 'held' ? lifeOf(statement) : -1)
  }

  #noteAccuser(accusers: Map<string, Accuser>, signer: string, holdsDeadIn: number): void {
    const { maxComplaints, maxComplaintWaitMs } = memberLimits
    const nowMs = this.#clock.nowMs()
    const before = accusers.get(signer)
    const isQuiet = before === undefined || nowMs - before.lastMs >= maxComplaintWaitMs
    accusers.set(signer, {
      lastMs: nowMs,
      refuted: isQuiet ? 0 : before.refuted,
      holdsDeadIn: Math.max(holdsDeadIn, before?.holdsDeadIn ?? -1),
    })
    if (accusers.size > 4 * maxComplaints) accusers.delete([...accusers.keys()][0]!)
  }

  /** The observer has heard this life of the peer itself. */
  void(peer: string, incarnation: number): void {
    const subject = this.#subjects.get(peer)
    if (subject?.incarnation !== incarnation) return
    for (const complaint of subject.complaints.values()) complaint.isVoid = true
  }

  /** The observer stood still for this long: complaints are younger by it. */
  paused(durationMs: number): void {
    for (const { complaints } of this.#subjects.values())
      for (const complaint of complaints.values()) complaint.atMs += durationMs
  }

  /** A signer has begun this life: it holds nobody dead in it until it says so, and what it said in former ones is over. */
  forgetClaimsBefore(signer: string, incarnation: number): void {
    for (const { complaints, accusers } of this.#subjects.values()) {
      const accuser = accusers.get(signer)
      if (accuser !== undefined && accuser.holdsDeadIn < incarnation) accuser.holdsDeadIn = -1
      const statement = complaints.get(signer)?.statement
      if (statement?.kind === 'held' && lifeOf(statement) < incarnation) complaints.delete(signer)
    }
  }

  /** Forgets peers that have no place any more. */
  retain(has: (peer: string) => boolean): void {
    for (const peer of this.#subjects.keys()) if (!has(peer)) this.#subjects.delete(peer)
  }
}

const holdsDead = (accuser: Accuser | undefined): boolean => accuser !== undefined && accuser.holdsDeadIn >= 0

/** The life of its signer in which a claim was made. */
const lifeOf = ({ signerIncarnation = 0 }: Statement): number => signerIncarnation
