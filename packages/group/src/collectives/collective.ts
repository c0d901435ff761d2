import { ShoalError, type Clock, type Timer } from '@shoal/host'
import { EarlyParts } from './early-parts.ts'
import {
  misplaced,
  type Algorithm,
  type Exchange,
  type ExchangeOptions,
  type Outgoing,
  type Part,
} from './exchange.ts'
import { gather } from './gather.ts'
import { ring } from './ring.ts'
import { star } from './star.ts'

const exchanges: Readonly<Record<Algorithm, (options: ExchangeOptions) => Exchange>> = { star, gather, ring }

/** Identifies a sum: calls count up within a group, sums count up within a call. */
export interface SumId {
  readonly call: number
  readonly sum: number
}

export interface CollectiveOptions {
  readonly clock: Clock
  readonly rank: number
  readonly ranks: number
  /** Chooses the algorithm by the number of bytes of the rows; must be the same at every rank. */
  algorithm(bytes: number): Algorithm
  /** Copies the values, or sends them, before it returns. */
  send(id: SumId, part: Outgoing): void
  /** Disconnects a rank that broke the protocol, where there is no caller to throw the error to. Ends all sums. */
  refuse(from: number, error: ShoalError): void
  /** How long a sum may take, from this rank's own part on. */
  readonly deadlineMs: number
  /** A rank's name in error messages. */
  nameOf(rank: number): string
}

/** One rank's side of all sums of a group, which are made one after the other. */
export interface Collective {
  /** Begins a call. The leader numbers calls; sums of earlier calls are over. */
  begin(call: number): void
  /**
   * Makes the next sum of the call.
   * @returns `rows`, with the total in place of this rank's part
   * @throws {ShoalError} `peer-vanished`, `deadline-passed`, or the error with which the call failed
   */
  sum(rows: Float32Array): Promise<Float32Array>
  /** Takes a part from another rank. @throws {ShoalError} `bad-frame` for a part by which its sender breaks the protocol */
  receive(from: number, id: SumId, part: Part): void
  /** Ends a call: its current sum and all later ones fail. */
  fail(call: number, error: ShoalError): void
  /** Ends all calls for good. */
  close(error: ShoalError): void
}

interface CurrentSum {
  readonly id: SumId
  readonly exchange: Exchange
  readonly rows: Float32Array
  /** The time at which the sum fails if parts are still missing. */
  readonly dueMs: number
  resolve(rows: Float32Array): void
  reject(error: ShoalError): void
}

export function createCollective(options: CollectiveOptions): Collective {
  return new RankCollective(options)
}

class RankCollective implements Collective {
  readonly #options: CollectiveOptions
  readonly #early = new EarlyParts()
  #call = -1
  #nextSum = 0
  #current: CurrentSum | null = null
  /** The error that ended the present call. */
  #failure: ShoalError | null = null
  #closed: ShoalError | null = null
  /** One timer for many sums, which follow each other within a millisecond: when it fires, it checks the current sum. */
  #timer: Timer | null = null

  constructor(options: CollectiveOptions) {
    this.#options = options
  }

  begin(call: number): void {
    if (call <= this.#call) throw new Error(`call ${call} cannot begin after call ${this.#call}`)
    this.#settle(new ShoalError('cancelled', `call ${this.#call} has ended`))
    this.#call = call
    this.#nextSum = 0
    this.#failure = null
    this.#early.dropBefore(call)
  }

  sum(rows: Float32Array): Promise<Float32Array> {
    const over = this.#closed ?? this.#failure
    if (over !== null) return Promise.reject(over)
    if (this.#current !== null) return Promise.reject(new Error('the sum before has not ended'))
    const { clock, rank, ranks, deadlineMs } = this.#options
    const id = { call: this.#call, sum: this.#nextSum }
    this.#nextSum += 1
    const exchange = exchanges[this.#options.algorithm(rows.byteLength)]({ rank, ranks, rows })
    return new Promise((resolve, reject) => {
      this.#timer ??= clock.after(deadlineMs, this.#checkDeadline)
      this.#current = { id, exchange, rows, dueMs: clock.nowMs() + deadlineMs, resolve, reject }
      this.#send(id, exchange.start())
      if (exchange.done) this.#settle(null)
      for (const { from, part } of this.#early.take(id))
        if (this.#isCurrent(id)) this.#addEarly(from, id, part)
    })
  }

  receive(from: number, id: SumId, part: Part): void {
    const { rank, ranks } = this.#options
    if (!Number.isInteger(from) || from < 0 || from >= ranks || from === rank)
      throw misplaced(from, part, `this is rank ${rank} of ${ranks}`)
    if (this.#closed !== null) return
    if (this.#isCurrent(id)) this.#add(from, id, part)
    // Parts of a failed call may still arrive, and are dropped.
    else if (!this.#isOver(id)) this.#keepEarly(from, id, part)
  }

  fail(call: number, error: ShoalError): void {
    if (call !== this.#call || this.#failure !== null) return
    this.#failure = error
    this.#settle(error)
  }

  close(error: ShoalError): void {
    this.#closed ??= error
    this.#early.clear()
    this.#timer?.cancel()
    this.#timer = null
    this.#settle(error)
  }

  #isCurrent(id: SumId): boolean {
    return this.#current !== null && id.call === this.#current.id.call && id.sum === this.#current.id.sum
  }

  #isOver(id: SumId): boolean {
    if (id.call !== this.#call) return id.call < this.#call
    return id.sum < this.#nextSum || this.#failure !== null
  }

  #send(id: SumId, parts: readonly Outgoing[]): void {
    for (const part of parts) this.#options.send(id, part)
  }

  #add(from: number, id: SumId, part: Part): void {
    if (this.#current === null) return
    const { exchange } = this.#current
    this.#send(id, exchange.receive(from, part))
    if (exchange.done) this.#settle(null)
  }

  /**
   * Adds a part that came before its sum began. It is checked only now. The `receive` that delivered it has returned and
   * cannot throw any more, so the sender is disconnected here.
   */
  #addEarly(from: number, id: SumId, part: Part): void {
    try {
      this.#add(from, id, part)
    } catch (error) {
      if (!(error instanceof ShoalError)) throw error
      this.#options.refuse(from, error)
    }
  }

  #keepEarly(from: number, id: SumId, part: Part): void {
    if (this.#early.hasRoomFor(part)) {
      this.#early.keep({ from, id, part })
      return
    }
    const greediest = this.#early.greediest()
    const error = new ShoalError(
      'bad-frame',
      `rank ${greediest} sent most of ${this.#early.count} parts that wait for their sum already`,
    )
    if (greediest === from) throw error
    this.#options.refuse(greediest, error)
  }

  #settle(error: ShoalError | null): void {
    const settled = this.#current
    if (settled === null) return
    this.#current = null
    if (error === null) settled.resolve(settled.rows)
    else settled.reject(error)
  }

  readonly #checkDeadline = (): void => {
    this.#timer = null
    if (this.#current === null) return
    const { clock, deadlineMs } = this.#options
    const leftMs = this.#current.dueMs - clock.nowMs()
    if (leftMs > 0) {
      this.#timer = clock.after(leftMs, this.#checkDeadline)
      return
    }
    const missing = this.#current.exchange
      .waitingFor()
      .map((rank) => this.#options.nameOf(rank))
      .join(', ')
    this.#failure = new ShoalError(
      'deadline-passed',
      `no part of a sum from ${missing} within ${deadlineMs} ms`,
    )
    this.#settle(this.#failure)
  }
}
