import type { Clock } from '@shoal/host'
import { limits } from '../../limits.ts'
import { Allowance } from './allowance.ts'

/**
 * Accounts of the event loop's time, by network of strangers. What the bytes of a socket cause is nearly always done before
 * the event loop turns to the next socket: decrypting, decoding, checking signatures, answering. So the time from one socket's
 * bytes to the next one's, or to the end of the turn, is charged to the first.
 */
export class LoopTime {
  readonly #clock: Clock
  readonly #atEndOfTurn: (settle: () => void) => void
  readonly #accounts = new Map<string, Allowance>()
  readonly #all: Allowance
  #running: string | null = null
  #sinceMs = 0
  #settles = false

  /** @param atEndOfTurn calls back once when all sockets that had bytes in this turn of the event loop have been heard */
  constructor(clock: Clock, atEndOfTurn: (settle: () => void) => void) {
    this.#clock = clock
    this.#atEndOfTurn = atEndOfTurn
    this.#all = new Allowance(limits.loopOfStrangers, clock.nowMs())
  }

  /** What happens from now on happens on this account; null for what no stranger causes. */
  charge(account: string | null): void {
    if (this.#running === null && account === null) return
    this.#settle()
    this.#running = account
    if (account === null || this.#settles) return
    this.#settles = true
    this.#atEndOfTurn(() => {
      this.#settles = false
      this.#settle()
      this.#running = null
    })
  }

  /** How long the strangers of this network, or all strangers, have to wait until their bytes are read; 0 for not at all. */
  waitMs(account: string): number {
    const nowMs = this.#clock.nowMs()
    return Math.max(this.#all.waitMs(nowMs), this.#accounts.get(account)?.waitMs(nowMs) ?? 0)
  }

  #settle(): void {
    const nowMs = this.#clock.nowMs()
    const ms = nowMs - this.#sinceMs
    this.#sinceMs = nowMs
    if (this.#running === null) return
    this.#all.take(ms, nowMs)
    this.#accountOf(this.#running, nowMs).take(ms, nowMs)
  }

  #accountOf(name: string, nowMs: number): Allowance {
    const known = this.#accounts.get(name)
    if (known !== undefined) return known
    // Whoever has all of its time left need not be remembered.
    if (this.#accounts.size >= limits.learnedPeers)
      for (const [other, account] of this.#accounts) if (account.isWhole(nowMs)) this.#accounts.delete(other)
    const fresh = new Allowance(limits.loopOfNetwork, nowMs)
    this.#accounts.set(name, fresh)
    return fresh
  }
}
