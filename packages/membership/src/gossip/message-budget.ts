import { ShoalError } from '@shoal/host'
import type { MembersMessage } from '@shoal/protocol'
import { memberLimits } from '../limits.ts'

/** Counts the messages from each neighbour, and the requests to it, in one turn. */
export class MessageBudget {
  readonly #intervalMs: number
  /** Members in the roster: a neighbour may pass on messages of each of them. */
  readonly #memberCount: () => number
  /** Turns that this peer missed while it stood still: what neighbours sent meanwhile arrives at once. */
  readonly #missedTurns: () => number
  readonly #received = new Map<string, { messages: number; vectors: number; beats: number }>()
  readonly #asked = new Map<string, number>()
  readonly #wanted = new Map<string, number>()

  constructor(intervalMs: number, memberCount: () => number, missedTurns: () => number) {
    this.#intervalMs = intervalMs
    this.#memberCount = memberCount
    this.#missedTurns = missedTurns
  }

  /** Counts a message of a neighbour. @throws {ShoalError} `limit-exceeded` */
  receive(peer: string, type: MembersMessage['type']): void {
    const sum = this.#received.get(peer) ?? { messages: 0, vectors: 0, beats: 0 }
    sum.messages += 1
    if (type === 'vector' || type === 'roll') sum.vectors += 1
    if (type === 'beat') sum.beats += 1
    this.#received.set(peer, sum)
    const intervals = 1 + this.#missedTurns()
    if (
      Math.max(sum.vectors, sum.beats) > intervals * memberLimits.maxVectorsPerInterval ||
      sum.messages > intervals * (memberLimits.maxMessagesPerInterval + 4 * this.#memberCount())
    )
      throw new ShoalError(
        'limit-exceeded',
        `${peer} sends more than a neighbour may in ${this.#intervalMs} ms`,
      )
  }

  /**
   * Counts a vector or a roll to a neighbour, and says whether it may be sent. The limit is an eighth of the neighbour's, so that
   * two turns of this peer may fall into one of the neighbour's. What may not be asked now is asked later.
   */
  mayAsk(peer: string): boolean {
    return count(this.#asked, peer, memberLimits.maxVectorsPerInterval / 8)
  }

  /** Counts a request for one owner's words, and says whether it may be sent. */
  mayWant(peer: string): boolean {
    return count(this.#wanted, peer, memberLimits.maxWantsPerInterval)
  }

  /** A turn begins. */
  reset(): void {
    this.#received.clear()
    this.#asked.clear()
    this.#wanted.clear()
  }
}

/** Counts up to a limit. @returns whether the limit was not reached before */
function count(counts: Map<string, number>, peer: string, most: number): boolean {
  const times = counts.get(peer) ?? 0
  if (times >= most) return false
  counts.set(peer, times + 1)
  return true
}
