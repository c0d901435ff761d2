import { ShoalError } from '@shoal/host'
import type { BlockRange, ModelConfig } from '@shoal/model'
import type { RunnerMemory } from './block-runner.ts'
import { keyValueBytesPerPosition } from './costs/key-value-size.ts'
import { limits } from './limits.ts'

/** One accepted `forward`. */
export interface AcceptedRows {
  readonly rows: number
  /** Takes the rows back, with those of every call accepted after them: they stood on these. */
  fail(): void
  /** Notes what the session's cache holds now. */
  succeed(keyValueBytes: number): void
}

/**
 * The rules of `BlockRunner` about sessions, without any arithmetic on hidden states: who is open, how long each one
 * is counting queued calls, and whether another one fits. Both runners keep their sessions by it.
 */
export interface SessionBook {
  /** @param part blocks of the span that the session uses; all by default */
  open(session: string, tokenBudget: number, part?: BlockRange): void
  accept(session: string, position: number, valueCount: number): AcceptedRows
  /** The same for keys and values that come from another runner. @param valueCount over all blocks of the session */
  acceptKeyValues(session: string, position: number, valueCount: number): AcceptedRows
  length(session: string): number
  truncate(session: string, length: number): void
  /** False when it was not open. */
  close(session: string): boolean
  /** Closes every session and refuses everything from now on. */
  release(): void
  memory(): RunnerMemory
}

interface Entry {
  readonly tokenBudget: number
  /** Blocks that the session uses. */
  readonly blockCount: number
  readonly reservedBytes: number
  length: number
  keyValueBytes: number
  /** Grows with each failure: calls accepted before one say nothing about the length after it. */
  failures: number
}

export interface SessionBookOptions {
  readonly config: ModelConfig
  readonly range: BlockRange
  readonly weightBytes: number
  readonly limitBytes: number
  /** What other spans use of the limit now. */
  readonly otherBytes?: (() => number) | undefined
}

/** @throws {ShoalError} `no-capacity` when the weights alone exceed what is left of the limit */
export function createSessionBook({
  config,
  range,
  weightBytes,
  limitBytes,
  otherBytes = () => 0,
}: SessionBookOptions): SessionBook {
  if (weightBytes > limitBytes - otherBytes()) {
    const others = otherBytes()
    throw new ShoalError(
      'no-capacity',
      `blocks ${range.start}:${range.end} need ${weightBytes} bytes, the limit is ${limitBytes}${others === 0 ? '' : `, and other blocks use ${others}`}`,
    )
  }
  const entries = new Map<string, Entry>()
  let reservedBytes = 0
  let released = false

  const find = (session: string): Entry => {
    if (released) throw new ShoalError('not-ready', `blocks ${range.start}:${range.end} have been released`)
    const entry = entries.get(session)
    if (entry === undefined)
      throw new ShoalError(
        'unknown-session',
        `session ${session} is not open for blocks ${range.start}:${range.end}`,
      )
    return entry
  }

  const append = (session: string, position: number, count: (entry: Entry) => number): AcceptedRows => {
    const entry = find(session)
    const rows = count(entry)
    if (position !== entry.length)
      throw new ShoalError(
        'wrong-position',
        `session ${session} is at position ${entry.length}, not ${position}`,
      )
    if (rows > limits.rowsPerForwardMax)
      throw new ShoalError('limit-exceeded', `at most ${limits.rowsPerForwardMax} rows at once, not ${rows}`)
    if (position + rows > entry.tokenBudget)
      throw new ShoalError(
        'limit-exceeded',
        `session ${session} has a budget of ${entry.tokenBudget} tokens, ${position + rows} were asked for`,
      )
    entry.length += rows
    const { failures } = entry
    return {
      rows,
      fail() {
        if (entry.failures !== failures) return
        entry.failures += 1
        entry.length = Math.min(entry.length, position)
      },
      succeed(keyValueBytes) {
        entry.keyValueBytes = keyValueBytes
      },
    }
  }

  return {
    open(session, tokenBudget, part = range) {
      if (released) throw new ShoalError('not-ready', `blocks ${range.start}:${range.end} have been released`)
      if (session.length === 0 || session.length > limits.sessionNameMax)
        throw new ShoalError('bad-request', `a session's name has 1 to ${limits.sessionNameMax} characters`)
      if (entries.has(session)) throw new ShoalError('bad-request', `session ${session} is open already`)
      if (!Number.isSafeInteger(tokenBudget) || tokenBudget < 1 || tokenBudget > config.contextLength) {
        throw new ShoalError(
          'bad-request',
          `a token budget is between 1 and the model's context of ${config.contextLength}, not ${tokenBudget}`,
        )
      }
      if (
        !Number.isInteger(part.start) ||
        !Number.isInteger(part.end) ||
        part.start < range.start ||
        part.end > range.end ||
        part.end <= part.start
      ) {
        throw new ShoalError(
          'wrong-range',
          `blocks ${part.start}:${part.end} are not part of ${range.start}:${range.end}`,
        )
      }
      const blockCount = part.end - part.start
      const wanted = tokenBudget * blockCount * keyValueBytesPerPosition(config)
      const free = Math.max(0, limitBytes - otherBytes() - weightBytes - reservedBytes)
      if (wanted > free)
        throw new ShoalError(
          'no-capacity',
          `a session of ${tokenBudget} tokens needs ${wanted} bytes of KV cache, ${free} are free`,
        )
      if (entries.size >= limits.sessionsMax)
        throw new ShoalError('no-capacity', `${limits.sessionsMax} sessions are open already`)
      entries.set(session, {
        tokenBudget,
        blockCount,
        reservedBytes: wanted,
        length: 0,
        keyValueBytes: 0,
        failures: 0,
      })
      reservedBytes += wanted
    },
    accept: (session, position, valueCount) =>
      append(session, position, () => checkRows(valueCount, config.hiddenSize)),
    acceptKeyValues: (session, position, valueCount) =>
      append(session, position, ({ blockCount }) =>
        checkPositions(
          valueCount,
          (blockCount * keyValueBytesPerPosition(config)) / Float32Array.BYTES_PER_ELEMENT,
        ),
      ),
    length: (session) => find(session).length,
    truncate(session, length) {
      const entry = find(session)
      if (!Number.isSafeInteger(length) || length < 0 || length > entry.length) {
        throw new ShoalError(
          'wrong-position',
          `session ${session} has ${entry.length} positions, it cannot be cut to ${length}`,
        )
      }
      entry.length = length
    },
    close(session) {
      const entry = entries.get(session)
      if (entry === undefined) return false
      reservedBytes -= entry.reservedBytes
      return entries.delete(session)
    },
    release() {
      entries.clear()
      reservedBytes = 0
      released = true
    },
    memory() {
      const keyValueBytes = [...entries.values()].reduce((sum, entry) => sum + entry.keyValueBytes, 0)
      return { weightBytes, keyValueBytes, reservedBytes, limitBytes, sessions: entries.size }
    },
  }
}

/** @returns how many rows these values are @throws {ShoalError} `bad-request` */
export function checkRows(valueCount: number, hiddenSize: number): number {
  const rows = valueCount / hiddenSize
  if (!Number.isInteger(rows) || rows < 1)
    throw new ShoalError('bad-request', `${valueCount} values are not rows of ${hiddenSize}`)
  return rows
}

/** @returns how many positions these keys and values are @throws {ShoalError} `bad-request` */
function checkPositions(valueCount: number, valuesPerPosition: number): number {
  const positions = valueCount / valuesPerPosition
  if (!Number.isInteger(positions) || positions < 1)
    throw new ShoalError(
      'bad-request',
      `${valueCount} values are not keys and values of ${valuesPerPosition} for each position`,
    )
  return positions
}
