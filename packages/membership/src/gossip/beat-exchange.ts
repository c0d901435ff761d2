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
}

/** Sends this peer's beats to those that watch it, and believes theirs. Beats go one hop only. */
export class BeatExchange {
  readonly #parts: BeatExchangeDependencies
  readonly #wantedForMs: number
  /** Until when each peer is to get beats that does not watch this one by this one's own view. */
  readonly #wanted = new Map<string, number>()

  constructor(dependencies: BeatExchangeDependencies, intervalMs: number) {
    this.#parts = dependencies
    this.#wantedForMs = memberLimits.beatsWanted * intervalMs
  }

  /** @param asks whether the peer is to answer with a beat at once */
  sendTo(peer: string, asks = false): void {
    const beat = this.#next()
    if (beat !== undefined) this.#send(peer, beat, asks)
  }

  /** Beats to all that watch this peer. Words that wait for a beat to others go by themselves. */
  sendToAll(): void {
    const { clock, detector, neighbours, tree, watchers } = this.#parts
    const beat = this.#next()
    for (const [peer, untilMs] of this.#wanted)
      if (untilMs < clock.nowMs() || !neighbours.has(peer)) this.#wanted.delete(peer)
    if (beat !== undefined) {
      const lapsed = new Set(detector.lapsed())
      for (const peer of new Set([...watchers(), ...this.#wanted.keys(), ...lapsed]))
        this.#send(peer, beat, lapsed.has(peer))
    }
    // All of them, so that what waits for a slow neighbour waits where its bytes are limited.
    for (const peer of tree.waiting())
      for (let words = tree.takeRiding(peer); words.length > 0; words = tree.takeRiding(peer))
        neighbours.send(peer, { type: 'words', pushed: true, words })
  }

  /** @returns whether the sender's life is held dead here */
  receive(sender: string, beat: Beat): boolean {
    const { clock, roster, detector } = this.#parts
    if (beat.wants) this.#wanted.set(sender, clock.nowMs() + this.#wantedForMs)
    else this.#wanted.delete(sender)
    if (beat.asks) this.sendTo(sender)
    const { incarnation } = beat
    if (roster.get(sender) === undefined || incarnation === 0) return false
    const life = detector.get(sender)
    if (life?.incarnation === incarnation && life.liveness === 'dead' && isOver(life)) return true
    detector.apply(sender, { type: 'beat-seen', incarnation, beat: beat.beat, atMs: clock.nowMs() })
    return false
  }

  #send(peer: string, beat: Omit<Beat, 'wants' | 'asks' | 'words'>, asks: boolean): void {
    const { neighbours, tree, watchers } = this.#parts
    if (!neighbours.has(peer)) return
    neighbours.send(peer, { ...beat, wants: watchers().has(peer), asks, words: tree.takeRiding(peer) })
  }

  /** This peer's next beat; one of an observer before its first record, and undefined after it has left. */
  #next(): Omit<Beat, 'wants' | 'asks' | 'words'> | undefined {
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
