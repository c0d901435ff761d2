import type { Clock, Timer } from '@shoal/host'

/** How many requests of a network are answered at once, and the time for each further one. */
export interface Pace {
  readonly atOnce: number
  readonly everyMs: number
  /** Networks whose pace is remembered. */
  readonly networksMax: number
}

/** A request that waits for its turn. */
interface Waiting {
  readonly isGone: () => boolean
  readonly begin: () => void
}

/** The requests of one network. */
interface Line {
  /** When the next request would be due if all of them had kept to the pace. */
  dueMs: number
  /** By peer. The first peer is next. */
  readonly waiting: Map<string, Waiting[]>
  timer: Timer | null
}

/**
 * Answers the requests of one network for pieces of weights at a pace, after some at once. Reading, enciphering and sending
 * a piece takes processor time that sessions want as well, and a request for a single byte takes nearly as much. Peers of a
 * network take turns, and a request whose asker has hung up takes none.
 */
export class RequestPace {
  readonly #clock: Clock
  readonly #pace: Pace
  readonly #lines = new Map<string, Line>()

  constructor(clock: Clock, pace: Pace) {
    this.#clock = clock
    this.#pace = pace
  }

  /**
   * Resolves when a request may be answered.
   * @param network whose pace counts
   * @param isGone whether the asker has hung up meanwhile
   */
  turn(network: string, peer: string, isGone: () => boolean): Promise<void> {
    const line = this.#lines.get(network) ?? { dueMs: 0, waiting: new Map<string, Waiting[]>(), timer: null }
    this.#lines.delete(network)
    this.#forget()
    // Those that asked longest ago are at the beginning.
    this.#lines.set(network, line)
    return new Promise((resolve) => {
      const waiting = { isGone, begin: resolve }
      const own = line.waiting.get(peer)
      if (own === undefined) line.waiting.set(peer, [waiting])
      else own.push(waiting)
      this.#advance(line)
    })
  }

  #advance(line: Line): void {
    while (line.timer === null && line.waiting.size > 0) {
      const { atOnce, everyMs } = this.#pace
      const nowMs = this.#clock.nowMs()
      const dueMs = Math.max(nowMs, line.dueMs)
      const waitMs = dueMs - nowMs - atOnce * everyMs
      if (waitMs > 0) {
        line.timer = this.#clock.after(waitMs, () => {
          line.timer = null
          this.#advance(line)
        })
        return
      }
      const next = takeNext(line.waiting)
      if (next === undefined) return
      if (!next.isGone()) line.dueMs = dueMs + everyMs
      next.begin()
    }
  }

  #forget(): void {
    const nowMs = this.#clock.nowMs()
    for (const [network, { dueMs, waiting }] of this.#lines) {
      const isBehind = dueMs > nowMs && this.#lines.size <= this.#pace.networksMax
      if (isBehind || waiting.size > 0) return
      this.#lines.delete(network)
    }
  }
}

/** The first request of the peer that is next; the peer's others come after those of all other peers. */
function takeNext(waiting: Map<string, Waiting[]>): Waiting | undefined {
  const [first] = waiting
  if (first === undefined) return undefined
  const [peer, own] = first
  const next = own.shift()
  waiting.delete(peer)
  if (own.length > 0) waiting.set(peer, own)
  return next
}
