import { ShoalError, type Clock, type Random } from '@shoal/host'
import type { Beat, BeatBody } from '@shoal/protocol'
import type { Detector } from '../liveness/detector.ts'
import { memberLimits } from '../limits.ts'
import type { Neighbours } from '../neighbours/neighbours.ts'
import { shuffled } from '../neighbours/shuffled.ts'
import type { Self } from '../own/self.ts'
import { readBeat, verifyBeat, type Signer } from '../records/seal.ts'
import type { Roster } from '../words/owners.ts'
import type { Relays } from './relays.ts'

export interface BeatExchangeDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly signer: Signer
  readonly self: Self
  readonly roster: Pick<Roster, 'get'>
  readonly detector: Pick<Detector, 'get' | 'apply'>
  readonly neighbours: Pick<Neighbours, 'has' | 'ids' | 'send' | 'flood'>
  readonly relays: Relays
  /** A new beat of a living peer. */
  onBeat(peer: string, body: BeatBody): void
  /** A neighbour holds this incarnation of this peer dead. */
  onHeldDead(neighbour: string, incarnation: number): void
  /** A peer that is held dead here still sends beats: its side of a partition is back. */
  onGhost(peer: string): void
}

/** Sends this peer's beats, believes the new ones of others, and passes those on. */
export class BeatExchange {
  readonly #parts: BeatExchangeDependencies
  readonly #swarm: string
  readonly #intervalMs: number
  /** When the last new beat of each peer arrived. */
  readonly #heardMs = new Map<string, number>()

  constructor(dependencies: BeatExchangeDependencies, swarm: string, intervalMs: number) {
    this.#parts = dependencies
    this.#swarm = swarm
    this.#intervalMs = intervalMs
  }

  async sendTo(peer: string): Promise<void> {
    const beat = await this.#next()
    if (beat !== undefined) this.#parts.neighbours.send(peer, beat)
  }

  async sendToAll(): Promise<void> {
    const beat = await this.#next()
    if (beat !== undefined) this.#parts.neighbours.flood(beat, [])
  }

  /** @throws {ShoalError} `bad-frame` when the beat is not signed by the peer that it names */
  async receive(sender: string, beat: Beat): Promise<void> {
    const { clock, signer, self, roster, detector } = this.#parts
    const body = readBeat(beat)
    // A beat comes back to its owner only from a neighbour that holds this incarnation dead.
    if (beat.peer === self.peerId) {
      this.#parts.onHeldDead(sender, body.incarnation)
      return
    }
    if (roster.get(beat.peer) === undefined || this.#isOld(beat.peer, body)) return
    if (!(await verifyBeat(signer, this.#swarm, beat)))
      throw new ShoalError('bad-frame', `a beat that names ${beat.peer} is not signed by it`)
    if (this.#isOld(beat.peer, body)) return
    const life = detector.get(beat.peer)
    this.#heardMs.set(beat.peer, clock.nowMs())
    if (life?.incarnation === body.incarnation && (life.liveness === 'dead' || life.liveness === 'left')) {
      if (life.liveness === 'dead') this.#answerGhost(beat)
      return
    }
    detector.apply(beat.peer, {
      type: 'beat-seen',
      incarnation: body.incarnation,
      beat: body.beat,
      atMs: clock.nowMs(),
    })
    this.#parts.onBeat(beat.peer, body)
    this.#passOn(sender, beat, body)
  }

  /** Forgets peers that are no longer in the roster. */
  tidy(): void {
    for (const peer of this.#heardMs.keys())
      if (this.#parts.roster.get(peer) === undefined) this.#heardMs.delete(peer)
  }

  #passOn(sender: string, beat: Beat, body: BeatBody): void {
    const { random, neighbours, relays } = this.#parts
    const others = neighbours.ids().filter((id) => id !== sender && id !== beat.peer)
    const { unserved, appointed } = relays.share(beat.peer, body.beat, others)
    const some = shuffled(unserved, random).slice(0, memberLimits.fanOut)
    for (const id of [...some, ...appointed]) neighbours.send(id, beat)
  }

  /**
   * Whether a beat is repeated, or comes faster than any peer beats. Also called before the signature is checked, so that
   * such a beat costs no check.
   */
  #isOld(peer: string, body: BeatBody): boolean {
    const { clock, detector } = this.#parts
    const life = detector.get(peer)
    if (life === undefined || body.incarnation > life.incarnation) return false
    if (body.incarnation < life.incarnation || body.beat <= life.lastBeat) return true
    const sinceMs = clock.nowMs() - (this.#heardMs.get(peer) ?? Number.NEGATIVE_INFINITY)
    return life.liveness !== 'unknown' && life.liveness !== 'suspect' && sinceMs < this.#intervalMs / 4
  }

  /**
   * Sends the beat back to its owner, which learns from it that it is held dead here. Without a channel to the owner, all
   * members held dead are dialled.
   */
  #answerGhost(beat: Beat): void {
    const { neighbours } = this.#parts
    if (neighbours.has(beat.peer)) neighbours.send(beat.peer, beat)
    else this.#parts.onGhost(beat.peer)
  }

  /** This peer's next beat; undefined before its first record and after it has left. */
  async #next(): Promise<Beat | undefined> {
    const { self } = this.#parts
    const state = self.record?.state
    return state === undefined || state === 'left' ? undefined : self.beat()
  }
}
