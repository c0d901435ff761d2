import { sleep, type Clock } from '@shoal/host'
import { ApiError } from '../errors.ts'

/** Milliseconds of this node for each second, how many may be saved up, and how many may be waited for. */
export interface CallerShare {
  readonly msPerSecond: number
  readonly savedMsMost: number
  readonly debtMsMost: number
}

interface Account {
  leftMs: number
  atMs: number
}

/** Accounts that are remembered; whoever has all of its time left need not be. */
const accountsMost = 1024

/**
 * What the requests of one address may take of the event loop, by an estimate of what each costs. A request beyond it waits, so
 * that a flood of requests, refused ones included, slows its sender and not the answers of others.
 */
export class CallerTime {
  readonly #clock: Clock
  readonly #share: CallerShare
  readonly #accounts = new Map<string, Account>()

  constructor(clock: Clock, share: CallerShare) {
    this.#clock = clock
    this.#share = share
  }

  /**
   * Takes so much, and resolves when the address had it.
   * @param network null for callers without a socket, which are this program's own
   * @throws {ApiError} 429 with Retry-After when too much waits already
   */
  async take(network: string | null, ms: number): Promise<void> {
    if (network === null) return
    const account = this.#accountOf(network)
    const { msPerSecond, debtMsMost } = this.#share
    if (account.leftMs < -debtMsMost) {
      const seconds = Math.ceil(-account.leftMs / msPerSecond)
      throw new ApiError(429, `your address sends too many requests; try again in ${seconds} s`, {
        code: 'too_many_requests',
        headers: { 'retry-after': String(seconds) },
      })
    }
    account.leftMs -= ms
    if (account.leftMs < 0) await sleep(this.#clock, (-account.leftMs / msPerSecond) * 1000)
  }

  /** Charges what has been spent already. */
  spent(network: string | null, ms: number): void {
    if (network !== null) this.#accountOf(network).leftMs -= ms
  }

  #accountOf(network: string): Account {
    const nowMs = this.#clock.nowMs()
    const known = this.#accounts.get(network)
    if (known !== undefined) return this.#refilled(known, nowMs)
    if (this.#accounts.size >= accountsMost)
      for (const [name, account] of this.#accounts)
        if (this.#refilled(account, nowMs).leftMs === this.#share.savedMsMost) this.#accounts.delete(name)
    const fresh = { leftMs: this.#share.savedMsMost, atMs: nowMs }
    this.#accounts.set(network, fresh)
    return fresh
  }

  #refilled(account: Account, nowMs: number): Account {
    const { msPerSecond, savedMsMost } = this.#share
    account.leftMs = Math.min(savedMsMost, account.leftMs + ((nowMs - account.atMs) * msPerSecond) / 1000)
    account.atMs = nowMs
    return account
  }
}
