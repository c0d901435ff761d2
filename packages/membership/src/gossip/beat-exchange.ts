import type { Clock } from '@shoal/host'
import type { Beat, PeerLoad } from '@shoal/protocol'
import { hashOfName } from '../cell/roll.ts'
import type { Detector } from '../liveness/detector.ts'
import { memberLimits } from '../limits.ts'
import { isOver } from '../liveness/liveness.ts'
import type { Neighbours } from '../neighbours/neighbours.ts'
import type { Self } from '../own/self.ts'
import type { Roster } from '../words/owners.ts'
import type { Tree } from './tree.ts'

export interface BeatExchangeDependencies {
  readonly clock: Clock
  readonly self: Self
  readonly roster: Pick<Roster, 'get'>
  readonly detector: Pick<Detector, 'get' | 'apply' | 'lapsed'>
  readonly neighbours: Pick<Neighbours, 'has' | 'ids' | 'send'>
  readonly tree: Tree
  /** The peers that this one watches and that watch it. */
  readonly watchers: () => ReadonlySet<string>
  /** Digests of the lives held alive, and of the words known. */
  readonly digests: () => Pick<Beat, 'lives' | 'known'>
  /** Loads to pass on. */
  readonly loads: () => Beat['loads']
  /** Told of each round trip that a beat and its answer have taken, in milliseconds. */
  readonly onRoundTrip: (peer: string, rttMs: number) => void
  /** Whether this life is over, and the next one has not begun. */
  readonly isSilent: () => boolean
}

/** The last beat to a peer. */
interface Sent {
  readonly atMs: number
  /** It may be answered still. */
  readonly open: boolean
  readonly yields: boolean
  /** The peer begins the next exchange. */
  readonly waits: boolean
}

/** What a beat says beside the sender's state. */
type Manner = Pick<Beat, 'asks' | 'answers' | 'yields'>

/**
 * Exchanges that one side begins before the other does. TCP sends the answer and the acknowledgement in one packet only
 * when a side answers several times in a row.
 */
const begunMost = 10

/**
 * Sends this peer's beats to those that watch it, and believes theirs. Beats go one hop only.
 *
 * A beat that is nearly due is sent at once when one of the other side comes. Two beats then take three packets with their
 * acknowledgements instead of four, and they measure the link, so that a swarm at rest needs no pings. The sides take turns
 * at beginning, so that both measure.
 */
export class BeatExchange {
  readonly #parts: BeatExchangeDependencies
  readonly #intervalMs: number
  readonly #turnMs: number
  readonly #wantedForMs: number
  /** Until when each peer is to get beats that does not watch this one by this one's own view. */
  readonly #wanted = new Map<string, number>()
  readonly #sent = new Map<string, Sent>()
  /** Exchanges with each peer that this one has begun in a row. */
  readonly #begun = new Map<string, number>()

  constructor(dependencies: BeatExchangeDependencies, intervalMs: number, turnMs: number) {
    this.#parts = dependencies
    this.#intervalMs = intervalMs
    this.#turnMs = turnMs
    this.#wantedForMs = memberLimits.beatsWanted * intervalMs
  }

  /** @param asks whether the peer is to answer with a beat at once */
  sendTo(peer: string, asks = false): void {
    this.#send(peer, { asks, answers: false, yields: false })
  }

  /** Beats to all that watch this peer. */
  sendToAll(): void {
    for (const peer of this.#receivers()) this.#begin(peer)
  }

  /** One turn: beats to those to which one is due. @param flush words that wait for a beat to others go by themselves */
  turn(flush: boolean): void {
    const { neighbours, tree } = this.#parts
    for (const seen of [this.#sent, this.#begun])
      for (const peer of seen.keys()) if (!neighbours.has(peer)) seen.delete(peer)
    const receivers = this.#receivers()
    for (const peer of receivers) if (this.#isDue(peer)) this.#begin(peer)
    if (flush) for (const peer of tree.waiting()) if (!receivers.has(peer)) this.#sendWaiting(peer)
  }

  /** @returns whether the sender's life is held dead here */
  receive(sender: string, beat: Beat): boolean {
    const { clock, roster, detector } = this.#parts
    if (beat.wants) this.#wanted.set(sender, clock.nowMs() + this.#wantedForMs)
    else this.#wanted.delete(sender)
    this.#meet(sender, beat.answers)
    if (beat.asks) this.sendTo(sender)
    else if (this.#isNearlyDue(sender)) this.#answer(sender, beat.yields)
    const { incarnation } = beat
    if (roster.get(sender) === undefined || incarnation === 0) return false
    const life = detector.get(sender)
    if (life?.incarnation === incarnation && life.liveness === 'dead' && isOver(life)) return true
    detector.apply(sender, { type: 'beat-seen', incarnation, beat: beat.beat, atMs: clock.nowMs() })
    return false
  }

  /** A beat has come: an answer to the last one, or one that has crossed it on the way. */
  #meet(peer: string, answers: boolean): void {
    const { self, onRoundTrip } = this.#parts
    const sent = this.#sent.get(peer)
    if (sent === undefined || !sent.open) return
    const ageMs = this.#ageMs(peer)
    const crossed = !answers && ageMs < this.#turnMs
    this.#sent.set(peer, {
      ...sent,
      open: !answers,
      waits: answers ? sent.yields : crossed && peer < self.peerId,
    })
    if (answers) onRoundTrip(peer, ageMs)
  }

  /** The peers that get beats: those that watch this one, those that ask, and those that have given it up in a former life. */
  #receivers(): ReadonlySet<string> {
    const { clock, detector, neighbours, watchers } = this.#parts
    for (const [peer, untilMs] of this.#wanted)
      if (untilMs < clock.nowMs() || !neighbours.has(peer)) this.#wanted.delete(peer)
    return new Set([...watchers(), ...this.#wanted.keys(), ...detector.lapsed()])
  }

  /**
   * Whether a beat has to go. Turns are whole, so the limit lies in the middle of one: a beat is at most half a turn late,
   * which the slack of the lease covers. Whoever waits has another turn.
   */
  #isDue(peer: string): boolean {
    const waitsMs = this.#sent.get(peer)?.waits === true ? this.#turnMs : 0
    return this.#ageMs(peer) >= this.#intervalMs - this.#turnMs / 2 + waitsMs
  }

  #isNearlyDue(peer: string): boolean {
    if (this.#parts.isSilent() || this.#ageMs(peer) < this.#intervalMs - this.#turnMs) return false
    return this.#receivers().has(peer)
  }

  /** Time since the last beat to a peer. */
  #ageMs(peer: string): number {
    const sent = this.#sent.get(peer)
    return sent === undefined ? Number.POSITIVE_INFINITY : this.#parts.clock.nowMs() - sent.atMs
  }

  /** Whom this peer has given up in a former life is asked at once. */
  #begin(peer: string): void {
    const begun = (this.#begun.get(peer) ?? 0) + 1
    const yields = begun >= begunMost
    this.#begun.set(peer, yields ? 0 : begun)
    this.#send(peer, { asks: this.#parts.detector.lapsed().includes(peer), answers: false, yields })
  }

  #answer(peer: string, begins: boolean): void {
    this.#begun.delete(peer)
    this.#send(peer, { asks: false, answers: true, yields: false }, !begins)
  }

  /** @param waits whether the peer begins the next exchange */
  #send(peer: string, manner: Manner, waits = false): void {
    const { clock, neighbours, tree, watchers } = this.#parts
    if (!neighbours.has(peer)) return
    const beat = this.#next()
    if (beat === undefined) return
    this.#sent.set(peer, { atMs: clock.nowMs(), open: !manner.answers, yields: manner.yields, waits })
    const wants = watchers().has(peer)
    neighbours.send(peer, { ...beat, ...manner, wants, words: tree.takeRiding(peer) })
    this.#sendWaiting(peer)
  }

  /** All of them, so that what waits for a slow neighbour waits where its bytes are limited. */
  #sendWaiting(peer: string): void {
    const { neighbours, tree } = this.#parts
    for (let words = tree.takeRiding(peer); words.length > 0; words = tree.takeRiding(peer))
      neighbours.send(peer, { type: 'words', pushed: true, words })
  }

  /** This peer's next beat; one of an observer before its first record, and undefined after it has left. */
  #next(): Omit<Beat, keyof Manner | 'wants' | 'words'> | undefined {
    const { self, digests, loads } = this.#parts
    if (self.record?.state === 'left') return undefined
    return { type: 'beat', ...self.beat(), ...digests(), loads: loads() }
  }
}

/** Loads by a hash of the peer's name, those at rest left out, the busiest first. */
export function loadsToPassOn(loads: Iterable<readonly [peer: string, load: PeerLoad]>): Beat['loads'] {
  return [...loads]
    .filter(([, { sessions, busyPermille }]) => sessions > 0 || busyPermille > 0)
    .sort(([, a], [, b]) => b.busyPermille - a.busyPermille || b.sessions - a.sessions)
    .slice(0, memberLimits.maxLoadsPassedOn)
    .map(([peer, load]) => ({ peer: hashOfName(peer), ...load }))
}
