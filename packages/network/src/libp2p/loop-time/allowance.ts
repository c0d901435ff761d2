/** Milliseconds of the event loop for each second, and how many may be saved up. */
export interface LoopShare {
  readonly msPerSecond: number
  readonly savedMsMost: number
}

/** What somebody may still have of the event loop. It may be overdrawn: what a frame costs is known afterwards. */
export class Allowance {
  readonly #share: LoopShare
  #leftMs: number
  #atMs: number

  constructor(share: LoopShare, nowMs: number) {
    this.#share = share
    this.#leftMs = share.savedMsMost
    this.#atMs = nowMs
  }

  take(ms: number, nowMs: number): void {
    this.#refill(nowMs)
    this.#leftMs -= ms
  }

  /** How long until there is something left; 0 when there is. */
  waitMs(nowMs: number): number {
    this.#refill(nowMs)
    return this.#leftMs > 0 ? 0 : ((1 - this.#leftMs) / this.#share.msPerSecond) * 1000
  }

  isWhole(nowMs: number): boolean {
    this.#refill(nowMs)
    return this.#leftMs === this.#share.savedMsMost
  }

  #refill(nowMs: number): void {
    const refillMs = ((nowMs - this.#atMs) * this.#share.msPerSecond) / 1000
    this.#leftMs = Math.min(this.#share.savedMsMost, this.#leftMs + refillMs)
    this.#atMs = nowMs
  }
}
