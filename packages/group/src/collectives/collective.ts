import { ShoalError, type Clock, type Timer } from '@shoal/host'
import type { Algorithm, Exchange, ExchangeOptions, Outgoing, Part } from './exchange.ts'
import { misplaced } from './exchange.ts'
import { gather } from './gather.ts'
import { ring } from './ring.ts'
import { star } from './star.ts'

const exchanges: Readonly<Record<Algorithm, (options: ExchangeOptions) => Exchange>> = { star, gather, ring }

/** Which sum a part belongs to: calls count up in a group, sums count up within a call. */
export interface SumId {
  readonly call: number
  readonly sum: number
}

export interface CollectiveOptions {
  readonly clock: Clock
  readonly rank: number
  readonly ranks: number
  /** By the bytes of the rows; the same at every rank. */
  algorithm(bytes: number): Algorithm
  /** Copies the values, or sends them, before it returns. */
  send(id: SumId, part: Outgoing): void
  /** Hears this rank no more: it does not keep to the protocol, which showed only now. Ends all sums. */
  refuse(from: number, error: ShoalError): void
  /** How long a sum may take from this rank's own part on. */
  readonly deadlineMs: number
  /** Names a rank for people. */
  nameOf(rank: number): string
}

/** One rank's side of all sums of a group, one after the other. */
export interface Collective {
  /** Calls are numbered by whoever leads; sums of calls before this one are over. */
  begin(call: number): void
  /** The next sum of the call. @returns `rows`, with the total in them @throws {ShoalError} `peer-vanished`, `deadline-passed`, or what `fail` was given */
  sum(rows: Float32Array): Promise<Float32Array>
  /** @throws {ShoalError} `bad-frame` for a part that cannot be: its sender does not keep to the protocol */
  receive(from: number, id: SumId, part: Part): void
  /** Ends the call: its sum under way and every later one of it fail. */
  fail(call: number, error: ShoalError): void
  /** Ends all calls for good. */
  close(error: ShoalError): void
}

interface Current {
  readonly id: SumId
  readonly exchange: Exchange
  readonly rows: Float32Array
  /** When a part that is still missing ends it. */
  readonly dueMs: number
  resolve(rows: Float32Array): void
  reject(error: ShoalError): void
}

interface Early {
  readonly from: number
  readonly id: SumId
  readonly part: Part
}

/**
 * Parts of a sum that has not begun here. Nobody can be further ahead than the next sum, whose total needs our part:
 * that is all pieces of each rank in a gather. So many of 64 KiB are more than the bytes below.
 */
const earlyMax = 4096
/** The same in bytes: the parts of seven other ranks of 256 rows at 8,192 columns. */
const earlyBytesMax = 64 * 1024 * 1024

export function createCollective(options: CollectiveOptions): Collective {
  const { clock, rank, ranks, deadlineMs } = options
  let call = -1
  let nextSum = 0
  let current: Current | null = null
  let early: Early[] = []
  let earlyBytes = 0
  let failure: ShoalError | null = null
  let closed: ShoalError | null = null
  /** One for many sums, which follow each other within a millisecond: it looks at the one that is under way when it rings. */
  let watch: Timer | null = null

  const settle = (error: ShoalError | null): void => {
    const settled = current
    if (settled === null) return
    current = null
    if (error === null) settled.resolve(settled.rows)
    else settled.reject(error)
  }
  const look = (): void => {
    watch = null
    if (current === null) return
    const leftMs = current.dueMs - clock.nowMs()
    if (leftMs > 0) {
      watch = clock.after(leftMs, look)
      return
    }
    const missing = current.exchange
      .waitingFor()
      .map((other) => options.nameOf(other))
      .join(', ')
    settle(
      (failure = new ShoalError(
        'deadline-passed',
        `no part of a sum from ${missing} within ${deadlineMs} ms`,
      )),
    )
  }
  const carryOut = (id: SumId, parts: readonly Outgoing[]): void => {
    for (const part of parts) options.send(id, part)
  }
  const take = (from: number, id: SumId, part: Part): void => {
    if (current === null) return
    const { exchange } = current
    carryOut(id, exchange.receive(from, part))
    if (exchange.done) settle(null)
  }
  /** What is wrong with a part that came early shows only now; nobody is left to throw at, and who sent it must not go on. */
  const takeLate = (from: number, id: SumId, part: Part): void => {
    try {
      take(from, id, part)
    } catch (error) {
      if (!(error instanceof ShoalError)) throw error
      options.refuse(from, error)
    }
  }
  /** Of what early parts may use, by rank: who sends ahead without end must not use up what the others need. */
  const greediest = (): number => {
    const used = new Map<number, number>()
    for (const { from, part } of early)
      used.set(from, (used.get(from) ?? 0) + 1 / earlyMax + part.values.byteLength / earlyBytesMax)
    return [...used].reduce((most, one) => (one[1] > most[1] ? one : most), [-1, 0])[0]
  }
  const keepEarly = (isKept: (one: Early) => boolean): void => {
    early = early.filter(isKept)
    earlyBytes = early.reduce((sum, { part }) => sum + part.values.byteLength, 0)
  }
  const takeEarly = (id: SumId): readonly Early[] => {
    // Nearly always there are none, or only these.
    if (early.length === 0) return []
    const isDue = (one: Early): boolean => one.id.call === id.call && one.id.sum === id.sum
    const due = early.filter(isDue)
    keepEarly((one) => !isDue(one))
    return due
  }
  const isCurrent = (id: SumId): boolean =>
    current !== null && id.call === current.id.call && id.sum === current.id.sum
  const isOver = (id: SumId): boolean =>
    id.call < call || (id.call === call && (id.sum < nextSum || failure !== null))

  return {
    begin(next) {
      if (next <= call) throw new Error(`call ${next} follows call ${call}`)
      settle(new ShoalError('cancelled', `call ${call} has ended`))
      call = next
      nextSum = 0
      failure = null
      keepEarly(({ id }) => id.call >= call)
    },
    sum(rows) {
      const over = closed ?? failure
      if (over !== null) return Promise.reject(over)
      if (current !== null) return Promise.reject(new Error('sums come one after the other'))
      const id = { call, sum: nextSum }
      nextSum += 1
      const exchange = exchanges[options.algorithm(rows.byteLength)]({ rank, ranks, rows })
      return new Promise((resolve, reject) => {
        watch ??= clock.after(deadlineMs, look)
        current = { id, exchange, rows, dueMs: clock.nowMs() + deadlineMs, resolve, reject }
        carryOut(id, exchange.start())
        if (exchange.done) settle(null)
        for (const { from, part } of takeEarly(id)) if (isCurrent(id)) takeLate(from, id, part)
      })
    },
    receive(from, id, part) {
      if (!Number.isInteger(from) || from < 0 || from >= ranks || from === rank)
        throw misplaced(from, part, `this is rank ${rank} of ${ranks}`)
      if (closed !== null) return
      if (isCurrent(id)) {
        take(from, id, part)
        return
      }
      // A straggler of a call that has failed, or of a duplicate's.
      if (isOver(id)) return
      if (early.length >= earlyMax || earlyBytes + part.values.byteLength > earlyBytesMax) {
        const other = greediest()
        const error = new ShoalError(
          'bad-frame',
          `rank ${other} sent most of ${early.length} parts that wait for their sum already`,
        )
        if (other === from) throw error
        options.refuse(other, error)
        return
      }
      early.push({ from, id, part })
      earlyBytes += part.values.byteLength
    },
    fail(of, error) {
      if (of !== call || failure !== null) return
      failure = error
      settle(error)
    },
    close(error) {
      closed ??= error
      keepEarly(() => false)
      watch?.cancel()
      watch = null
      settle(error)
    },
  }
}
