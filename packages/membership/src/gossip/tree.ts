import { limits, type MembersMessage } from '@shoal/protocol'
import type { Neighbours } from '../neighbours/neighbours.ts'

/** News that is passed on at once. */
export type News = Extract<MembersMessage, { readonly type: 'words' | 'statements' | 'proof' }>

/**
 * The paths of news. News goes to every neighbour, until one of two neighbours finds that it has it from another one
 * already; then neither sends the other any more. What remains is close to a tree (Plumtree, SRDS 2007). With several
 * sources, what is a tree for one may be cut for another, so the edges of the first ring always remain. Beats carry digests,
 * which find what was not delivered all the same.
 */
export class Tree {
  readonly #neighbours: Pick<Neighbours, 'ids' | 'send'>
  /** The neighbours on the first ring. */
  readonly #ringEdges: () => ReadonlySet<string>
  /** Neighbours that this peer sends no news, and from which it gets none. */
  readonly #lazy = new Set<string>()
  /** Words that wait for the next beat to each neighbour. */
  readonly #riding = new Map<string, Uint8Array[]>()

  constructor(neighbours: Pick<Neighbours, 'ids' | 'send'>, ringEdges: () => ReadonlySet<string>) {
    this.#neighbours = neighbours
    this.#ringEdges = ringEdges
  }

  /** A new channel: both sides begin anew. */
  opened(peer: string): void {
    this.#lazy.delete(peer)
    this.#riding.delete(peer)
  }

  /** A neighbour is gone. News may have come through it only, so all others are to send again. */
  lost(peer: string): void {
    const wasPath = !this.#lazy.has(peer)
    this.opened(peer)
    if (wasPath) for (const other of this.#lazy) this.graft(other)
  }

  /** One turn: the rings may have been drawn anew. */
  turn(): void {
    for (const peer of this.#ringEdges()) this.graft(peer)
  }

  /** Sends news to all neighbours that want it, but not back. */
  push(news: News, except?: string): void {
    for (const peer of this.#neighbours.ids())
      if (peer !== except && !this.#lazy.has(peer)) this.#neighbours.send(peer, news)
  }

  /** Lets words wait for the next beat to each neighbour that wants them. */
  ride(words: readonly Uint8Array[], except?: string): void {
    for (const peer of this.#neighbours.ids()) {
      if (peer === except || this.#lazy.has(peer)) continue
      const waiting = this.#riding.get(peer) ?? []
      waiting.push(...words)
      this.#riding.set(peer, waiting)
    }
  }

  /** The words that ride on the beat to this neighbour now, as many as fit. */
  takeRiding(peer: string): readonly Uint8Array[] {
    const waiting = this.#riding.get(peer)
    if (waiting === undefined) return []
    let byteLength = 0
    let count = 0
    for (const { length } of waiting) {
      if (byteLength + length + 2 > limits.maxWordsBytes) break
      byteLength += length + 2
      count += 1
    }
    const taken = waiting.splice(0, count)
    if (waiting.length === 0) this.#riding.delete(peer)
    return taken
  }

  /** Neighbours for which words wait. */
  waiting(): readonly string[] {
    return [...this.#riding.keys()]
  }

  /** A neighbour has sent news that had all come before. */
  repeated(peer: string): void {
    if (this.#lazy.has(peer) || this.#ringEdges().has(peer)) return
    this.#lazy.add(peer)
    this.#neighbours.send(peer, { type: 'prune', lazy: true })
  }

  /** A neighbour knows something that has not come: both are to send news to each other again. */
  graft(peer: string): void {
    if (this.#lazy.delete(peer)) this.#neighbours.send(peer, { type: 'prune', lazy: false })
  }

  /** The neighbour has decided so. */
  setLazy(peer: string, lazy: boolean): void {
    if (lazy) this.#lazy.add(peer)
    else this.#lazy.delete(peer)
  }
}
