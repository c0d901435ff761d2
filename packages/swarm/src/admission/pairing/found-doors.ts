import { onAbort } from '@shoal/host'
import { swarmLimits } from '../../limits.ts'

/** Sources of the doors to try. */
export interface FoundDoors {
  /** Addresses that the user gave; with them nothing else is tried. */
  readonly given: readonly string[]
  /** Calls back for each machine of the local network that shows a PIN. */
  onFound(listener: (peerId: string, addresses: readonly string[]) => void): void
}

/** A machine that shows a PIN, or may show one. */
export interface FoundDoor {
  /** Null for an address that the user gave. */
  readonly peerId: string | null
  readonly addresses: readonly string[]
}

/** The doors that are still to be tried. Bounded against a flood of made-up names. */
export class DoorQueue {
  readonly #waiting: FoundDoor[]
  readonly #known = new Set<string>()
  readonly #closedList: boolean
  #wake: (() => void) | null = null
  #closed = false

  constructor(found: FoundDoors) {
    this.#waiting = found.given.map((address) => ({ peerId: null, addresses: [address] }))
    this.#closedList = found.given.length > 0
    if (!this.#closedList) found.onFound((peerId, addresses) => this.#found(peerId, addresses))
  }

  #found(peerId: string, addresses: readonly string[]): void {
    if (this.#closed || this.#known.has(peerId)) return
    if (this.#known.size >= swarmLimits.foundPeers) return
    this.#known.add(peerId)
    this.#waiting.push({ peerId, addresses })
    this.#wake?.()
  }

  /** Tries a door once more, after the others. */
  again(door: FoundDoor): void {
    this.#waiting.push(door)
  }

  /** Whether all doors that the user named have been tried. Others may be found at any time. */
  exhausted(): boolean {
    return this.#closedList && this.#waiting.length === 0
  }

  /** Waits for a door. @throws what the signal says when it aborts */
  async next(signal: AbortSignal): Promise<FoundDoor> {
    for (;;) {
      signal.throwIfAborted()
      const door = this.#waiting.shift()
      if (door !== undefined) return door
      const news = Promise.withResolvers<void>()
      this.#wake = news.resolve
      const stopListening = onAbort(signal, () => news.reject(signal.reason))
      await news.promise.finally(stopListening)
    }
  }

  close(): void {
    this.#closed = true
  }
}
