import type { Clock } from '@shoal/host'

export interface PacketRate {
  readonly atOnce: number
  readonly perSecond: number
}

/** Bounds answers to packets, whose senders may be forged: for each network, and for all of them together. */
export class UdpPace {
  readonly #all: PacketRate
  readonly #ofNetwork: PacketRate
  readonly #clock: Pick<Clock, 'nowMs'>
  /** When the next answer would be due if all had kept to the rate. */
  #dueMs = Number.NEGATIVE_INFINITY
  readonly #dueOf = new Map<string, number>()

  constructor(all: PacketRate, ofNetwork: PacketRate, clock: Pick<Clock, 'nowMs'>) {
    this.#all = all
    this.#ofNetwork = ofNetwork
    this.#clock = clock
  }

  /** Whether a packet of this network is answered now. */
  take(network: string): boolean {
    const nowMs = this.#clock.nowMs()
    const ofNetwork = next(this.#dueOf.get(network), this.#ofNetwork, nowMs)
    const ofAll = next(this.#dueMs, this.#all, nowMs)
    if (ofNetwork === null || ofAll === null) return false
    this.#dueMs = ofAll
    this.#dueOf.delete(network)
    this.#dueOf.set(network, ofNetwork)
    this.#forgetPast(nowMs)
    return true
  }

  /** No more networks are kept than answers leave while one of them is ahead of its rate. */
  #forgetPast(nowMs: number): void {
    for (const [network, dueMs] of this.#dueOf) {
      if (dueMs > nowMs) return
      this.#dueOf.delete(network)
    }
  }
}

/** When the answer after this one is due; null when this one is too early. */
function next(dueMs: number | undefined, { atOnce, perSecond }: PacketRate, nowMs: number): number | null {
  const everyMs = 1000 / perSecond
  const due = Math.max(dueMs ?? nowMs, nowMs)
  return due - nowMs > (atOnce - 1) * everyMs ? null : due + everyMs
}
