import type { Clock } from '@shoal/host'
import { limits } from '../limits.ts'

/** Attempts to open direct channels: those under way, and the peers for which one failed for a reason that lasts. */
export class Attempts {
  readonly #clock: Clock
  /** Peers that were asked in vain, and when they may be asked again. */
  readonly #inVain = new Map<string, number>()
  readonly #underWay = new Map<AbortController, string>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  isWorth(peer: string): boolean {
    return (this.#inVain.get(peer) ?? -Infinity) <= this.#clock.nowMs()
  }

  /** @returns what aborts when the connection to the peer goes; {@link end} ends the attempt */
  begin(peer: string): AbortController {
    const gone = new AbortController()
    this.#underWay.set(gone, peer)
    return gone
  }

  end(gone: AbortController): void {
    this.#underWay.delete(gone)
  }

  failedForAWhile(peer: string): void {
    this.#inVain.set(peer, this.#clock.nowMs() + limits.directRetryMs)
  }

  /** A new connection to the peer may have what the old one lacked. */
  forget(peer: string, error: Error): void {
    this.#inVain.delete(peer)
    for (const [gone, to] of this.#underWay) if (to === peer) gone.abort(error)
  }

  close(error: Error): void {
    for (const gone of this.#underWay.keys()) gone.abort(error)
  }
}
