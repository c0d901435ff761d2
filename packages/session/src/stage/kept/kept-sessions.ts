import type { Clock, MemoryBudget, Timer } from '@shoal/host'
import type { BlockRunner } from '@shoal/runtime'
import { sessionLimits } from '../../route/limits.ts'
import { bytesOfKept, type KeptRows } from './kept-rows.ts'

/** The rows of a closed session. */
export interface KeptSession {
  readonly session: string
  readonly start: number
  readonly end: number
  /** The coordinator, which alone may use the rows again. */
  readonly peer: string
  /** The account against whose share of this node the rows count. */
  readonly account: string
  readonly runner: BlockRunner
  readonly rows: KeptRows
}

interface Entry {
  readonly kept: KeptSession
  readonly bytes: number
  readonly timer: Timer
}

export interface KeptSessionsOptions {
  readonly clock: Pick<Clock, 'after'>
  /** Budget whose free memory holds kept rows; without it nothing is kept. */
  readonly memory: MemoryBudget | undefined
  /** Bytes to which the journals of open sessions may grow; the budget does not count them. */
  readonly journalBytes: () => number
  readonly keptMs: number
}

/**
 * Rows of closed sessions, in memory that nobody needs now. When a session, weights or a head take memory, kept rows are
 * dropped before that call returns: those of the owner that keeps the most first, in the order of their last use.
 */
export class KeptSessions {
  readonly #options: KeptSessionsOptions
  /** In the order of the last use, the oldest first. */
  readonly #entries = new Map<string, Entry>()
  readonly #stopListening: () => void
  #bytes = 0

  constructor(options: KeptSessionsOptions) {
    this.#options = options
    this.#stopListening = options.memory?.onTaken(() => void this.giveWay()) ?? (() => undefined)
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#entries.size
  }

  /** The rows of one session at one stage, which count as used. */
  find(session: string, start: number): KeptSession | undefined {
    const key = keyOf(session, start)
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.kept
  }

  /** Drops rows of others until so many bytes can be kept. @returns whether they can */
  makeRoom(bytes: number): boolean {
    return bytes <= this.#most() && this.giveWay(bytes)
  }

  /** Keeps the rows if there is room; rows of the same session are replaced. */
  add(kept: KeptSession): void {
    const { keptMs, clock } = this.#options
    const key = keyOf(kept.session, kept.start)
    this.#drop(key)
    const bytes = bytesOfKept(kept.rows)
    if (!this.makeRoom(bytes)) return
    const timer = clock.after(keptMs, () => this.#drop(key), { background: true })
    this.#entries.set(key, { kept, bytes, timer })
    this.#bytes += bytes
    while (this.#entries.size > sessionLimits.maxKeptSessions) this.#drop(this.#victim())
  }

  /** Drops the rows of one session. */
  forget(session: string, start: number): void {
    this.#drop(keyOf(session, start))
  }

  /** Drops what was computed by runners that are not served any more. */
  retain(serves: (runner: BlockRunner) => boolean): void {
    for (const [key, { kept }] of this.#entries) if (!serves(kept.runner)) this.#drop(key)
  }

  /** Drops rows until at most the free memory is used. @param bytes that are needed beside them @returns whether they fit */
  giveWay(bytes = 0): boolean {
    while (this.#bytes + bytes > this.#most() && this.#entries.size > 0) this.#drop(this.#victim())
    return this.#bytes + bytes <= this.#most()
  }

  close(): void {
    this.#stopListening()
    for (const key of this.#entries.keys()) this.#drop(key)
  }

  /** Bytes that may be kept now. */
  #most(): number {
    const { memory, journalBytes } = this.#options
    if (memory === undefined) return 0
    return Math.min(memory.limitBytes * sessionLimits.keptShare, memory.freeBytes() - journalBytes())
  }

  #victim(): string {
    const byAccount = new Map<string, number>()
    for (const { kept, bytes } of this.#entries.values())
      byAccount.set(kept.account, (byAccount.get(kept.account) ?? 0) + bytes)
    const [most] = [...byAccount].reduce((one, other) => (other[1] > one[1] ? other : one))
    for (const [key, { kept }] of this.#entries) if (kept.account === most) return key
    throw new Error('an account without entries')
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    entry.timer.cancel()
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
  }
}

const keyOf = (session: string, start: number): string => `${session}/${start}`
