/** Round trips kept per link: the smallest of eight is one without queueing, and an improvement still shows soon. */
const samplesKept = 8
/**
 * Needed before a link is announced: the first reading includes one-time costs, and one of the next two may be
 * disturbed.
 */
const samplesNeeded = 3

/** Recent round trips to connected members, in whole microseconds. */
export class RoundTrips {
  readonly #samples = new Map<string, readonly number[]>()

  add(peer: string, rttMs: number): void {
    const micros = Math.max(1, Math.round(rttMs * 1000))
    this.#samples.set(peer, [...(this.#samples.get(peer) ?? []), micros].slice(-samplesKept))
  }

  /** Whether a link has too few samples to be announced. */
  isFresh(peer: string): boolean {
    return (this.#samples.get(peer)?.length ?? 0) < samplesNeeded
  }

  /** Forgets all other peers. */
  retain(peers: readonly string[]): void {
    for (const peer of this.#samples.keys()) if (!peers.includes(peer)) this.#samples.delete(peer)
  }

  /** The smallest recent round trip of each link that has enough samples. */
  smallest(): readonly (readonly [peer: string, micros: number])[] {
    return [...this.#samples]
      .filter(([, samples]) => samples.length >= samplesNeeded)
      .map(([peer, samples]) => [peer, Math.min(...samples)])
  }
}
