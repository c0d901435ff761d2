import { quorumOf, Rings, watchersMost } from './rings.ts'

export interface WatchingDependencies {
  readonly peerId: string
  /** Members held alive, sorted. */
  readonly present: () => readonly string[]
  /** This peer has begun or ended to watch these. */
  readonly onChange: (peers: readonly string[]) => void
}

/** Who watches whom, by the rings of those that are held alive. */
export class Watching {
  readonly #parts: WatchingDependencies
  readonly #rings: Rings
  #watched: ReadonlySet<string> = new Set()
  #ringEdges: ReadonlySet<string> = new Set()
  #isDirty = true

  constructor(dependencies: WatchingDependencies, swarm: string) {
    this.#parts = dependencies
    this.#rings = new Rings(swarm)
  }

  /** The peers that watch this one and that this one watches. */
  watchers(): ReadonlySet<string> {
    this.refresh()
    return this.#watched
  }

  /** The two watchers before and behind this peer on the first ring, which connects all members. */
  ringEdges(): ReadonlySet<string> {
    this.refresh()
    return this.#ringEdges
  }

  isWatched(peer: string): boolean {
    return this.#watched.has(peer)
  }

  /** The watchers of any peer, by the rings as they were last drawn. */
  watchersOf(peer: string): ReadonlySet<string> {
    return this.#rings.neighbours(peer)
  }

  /** Whether all members watch each other. */
  get isSmall(): boolean {
    return this.#rings.isSmall
  }

  /**
   * As many votes as end a life in a cell of this size, whoever gives them.
   * @param besides members that others hold alive and this peer does not
   */
  quorum(besides = 0): number {
    this.refresh()
    return quorumOf(Math.min(watchersMost, Math.max(1, this.#rings.members.length + besides - 1)))
  }

  /** A record or a liveness has changed. */
  changed(): void {
    this.#isDirty = true
  }

  /** Draws the rings anew when somebody has come or gone. */
  refresh(): void {
    if (!this.#isDirty) return
    this.#isDirty = false
    const { peerId, present, onChange } = this.#parts
    const now = present()
    const { members } = this.#rings
    if (now.length === members.length && now.every((peer, index) => peer === members[index])) return
    this.#rings.set(now)
    const former = this.#watched
    this.#watched = this.#rings.neighbours(peerId)
    this.#ringEdges = this.#rings.edges(peerId)
    onChange([
      ...[...former].filter((peer) => !this.#watched.has(peer)),
      ...[...this.#watched].filter((peer) => !former.has(peer)),
    ])
  }
}
