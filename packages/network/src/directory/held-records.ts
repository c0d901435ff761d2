import type { Clock } from '@shoal/host'
import { limits } from '../limits.ts'
import type { RecordOrder } from './directory.ts'

/** How a record that came relates to what is known of its owner. */
export type Admission = 'newer' | 'known' | 'stale'

interface Kept {
  readonly order: RecordOrder
  /** Null once its time is over. */
  record: Uint8Array | null
  readonly untilMs: number
}

/** The newest record of each owner, for a bounded time and a bounded number of owners. */
export class HeldRecords {
  readonly #clock: Clock
  /** In the order in which they were first seen, so the first are the first to end. */
  readonly #records = new Map<string, Kept>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  admit(owner: string, order: RecordOrder, record: Uint8Array): Admission {
    const known = this.#records.get(owner)
    if (known !== undefined) {
      const newer = compareOrders(order, known.order)
      if (newer < 0) return 'stale'
      // Of two records with one number the first counts, or their owner could say different things to different peers.
      if (newer === 0) return equalBytes(this.get(owner), record) ? 'known' : 'stale'
    }
    this.#records.delete(owner)
    // A copy, which `slice` of a Buffer is not: the bytes are part of a frame that this small record would keep in memory.
    this.#records.set(owner, {
      order,
      record: Uint8Array.from(record),
      untilMs: this.#clock.nowMs() + limits.directoryLifeMs,
    })
    const [oldest] = this.#records.keys()
    if (this.#records.size > limits.directoryRecords && oldest !== undefined) this.#records.delete(oldest)
    return 'newer'
  }

  /** Null when there is none, or its time is over. */
  get(owner: string): Uint8Array | null {
    const kept = this.#records.get(owner)
    if (kept === undefined) return null
    if (kept.untilMs <= this.#clock.nowMs()) kept.record = null
    return kept.record
  }

  count(): number {
    return [...this.#records.keys()].filter((owner) => this.get(owner) !== null).length
  }
}

/** By incarnation, then by sequence number; negative when `a` is the older one. */
const compareOrders = (a: RecordOrder, b: RecordOrder): number =>
  a.incarnation === b.incarnation ? a.seq - b.seq : a.incarnation - b.incarnation

export function equalBytes(a: Uint8Array | null, b: Uint8Array): boolean {
  return a !== null && a.length === b.length && a.every((byte, index) => byte === b[index])
}
