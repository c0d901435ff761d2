import type { Clock } from '@shoal/host'
import { limits } from '../limits.ts'

/** Which peers provide which topic, for a bounded time, per topic, per peer and in all. */
export class HeldProviders {
  readonly #clock: Clock
  /** Topic → peer → when the entry ends; both in the order of the last refresh. */
  readonly #topics = new Map<string, Map<string, number>>()
  readonly #topicsOf = new Map<string, Set<string>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @returns false when this peer has entries under too many topics */
  add(topic: string, peerId: string): boolean {
    const own = this.#topicsOf.get(peerId) ?? new Set<string>()
    if (!own.has(topic) && own.size >= limits.topicsPerProvider) {
      for (const old of own) this.#prune(old)
      if (own.size >= limits.topicsPerProvider) return false
    }
    this.remove(topic, peerId)
    const peers = this.#topics.get(topic) ?? new Map<string, number>()
    peers.set(peerId, this.#clock.nowMs() + limits.directoryLifeMs)
    this.#topics.delete(topic)
    this.#topics.set(topic, peers)
    this.#topicsOf.set(peerId, (this.#topicsOf.get(peerId) ?? new Set<string>()).add(topic))
    this.#makeRoom(topic, peers)
    return true
  }

  #makeRoom(topic: string, peers: ReadonlyMap<string, number>): void {
    const [longestAgo] = peers.keys()
    if (peers.size > limits.providersPerTopic && longestAgo !== undefined) this.remove(topic, longestAgo)
    const [idlest] = this.#topics.keys()
    if (this.#topics.size > limits.directoryTopics && idlest !== undefined) this.#removeTopic(idlest)
  }

  remove(topic: string, peerId: string): void {
    const peers = this.#topics.get(topic)
    if (peers?.delete(peerId) !== true) return
    if (peers.size === 0) this.#topics.delete(topic)
    const own = this.#topicsOf.get(peerId)
    own?.delete(topic)
    if (own?.size === 0) this.#topicsOf.delete(peerId)
  }

  /** The one heard of longest ago first. */
  of(topic: string): string[] {
    this.#prune(topic)
    return [...(this.#topics.get(topic)?.keys() ?? [])]
  }

  count(): number {
    for (const topic of this.#topics.keys()) this.#prune(topic)
    return [...this.#topics.values()].reduce((sum, peers) => sum + peers.size, 0)
  }

  #removeTopic(topic: string): void {
    for (const peerId of this.#topics.get(topic)?.keys() ?? []) this.remove(topic, peerId)
  }

  #prune(topic: string): void {
    for (const [peerId, untilMs] of this.#topics.get(topic) ?? []) {
      if (untilMs > this.#clock.nowMs()) return
      this.remove(topic, peerId)
    }
  }
}
