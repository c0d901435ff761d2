import { ShoalError } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import type { RunnerMemory } from '../block-runner.ts'
import { keyValueBytesOf } from '../costs/key-value-size.ts'
import { hiddenSizeOf, partOf, type Span } from '../span.ts'
import { appendRows, truncateEntry, type AcceptedRows, type SessionEntry } from './session-entry.ts'
import {
  checkPart,
  checkPositions,
  checkRoom,
  checkRows,
  checkSessionCount,
  checkSessionName,
  checkTokenBudget,
} from './session-rules.ts'

/**
 * The sessions of one runner, without their arithmetic: which are open, how long each is counting queued calls, and
 * whether the KV cache of another one fits. All runners apply the rules of `BlockRunner` through it.
 */
export interface SessionBook {
  /** @param part blocks of the span that the session uses; all by default */
  open(session: string, tokenBudget: number, part?: BlockRange): void
  accept(session: string, position: number, valueCount: number): AcceptedRows
  /** As `accept`, for keys and values that come from another runner. @param valueCount over all blocks of the session */
  acceptKeyValues(session: string, position: number, valueCount: number): AcceptedRows
  length(session: string): number
  truncate(session: string, length: number): void
  /** False when the session was not open. */
  close(session: string): boolean
  /** Closes every session and refuses all calls from now on. */
  release(): void
  memory(): RunnerMemory
}

export interface SessionBookOptions {
  readonly span: Span
  /** Longest session that the model allows, in positions. */
  readonly contextLength: number
  readonly weightBytes: number
  readonly limitBytes: number
  /** What other spans use of the limit now. */
  readonly otherBytes?: (() => number) | undefined
}

/** @throws {ShoalError} `no-capacity` when the weights alone exceed what is left of the limit */
export function createSessionBook(options: SessionBookOptions): SessionBook {
  const { span, contextLength, weightBytes, limitBytes, otherBytes = () => 0 } = options
  const { range } = span
  const hiddenSize = hiddenSizeOf(span)
  checkWeightsFit(options)
  const entries = new Map<string, SessionEntry>()
  let reservedBytes = 0
  let released = false

  const refuseReleased = (): void => {
    if (released) throw new ShoalError('not-ready', `blocks ${range.start}:${range.end} have been released`)
  }
  const find = (session: string): SessionEntry => {
    refuseReleased()
    const entry = entries.get(session)
    if (entry === undefined)
      throw new ShoalError(
        'unknown-session',
        `session ${session} is not open for blocks ${range.start}:${range.end}`,
      )
    return entry
  }

  return {
    open(name, tokenBudget, part = range) {
      refuseReleased()
      checkSessionName(name)
      if (entries.has(name)) throw new ShoalError('bad-request', `session ${name} is open already`)
      checkTokenBudget(tokenBudget, contextLength)
      checkPart(part, range)
      const { blocks } = partOf(span, part)
      const wanted = tokenBudget * keyValueBytesOf(blocks)
      checkRoom(wanted, tokenBudget, limitBytes - otherBytes() - weightBytes - reservedBytes)
      checkSessionCount(entries.size)
      reservedBytes += wanted
      const counters = { length: 0, keyValueBytes: 0, failures: 0 }
      entries.set(name, { name, tokenBudget, blocks, reservedBytes: wanted, ...counters })
    },
    accept(session, position, valueCount) {
      const entry = find(session)
      return appendRows(entry, position, checkRows(valueCount, hiddenSize))
    },
    acceptKeyValues(session, position, valueCount) {
      const entry = find(session)
      const valuesPerPosition = keyValueBytesOf(entry.blocks) / Float32Array.BYTES_PER_ELEMENT
      return appendRows(entry, position, checkPositions(valueCount, valuesPerPosition))
    },
    length: (session) => find(session).length,
    truncate: (session, length) => truncateEntry(find(session), length),
    close(session) {
      reservedBytes -= entries.get(session)?.reservedBytes ?? 0
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

function checkWeightsFit({ span, weightBytes, limitBytes, otherBytes = () => 0 }: SessionBookOptions): void {
  const others = otherBytes()
  if (weightBytes <= limitBytes - others) return
  const { start, end } = span.range
  throw new ShoalError(
    'no-capacity',
    `blocks ${start}:${end} need ${weightBytes} bytes, the limit is ${limitBytes}${others === 0 ? '' : `, and other blocks use ${others}`}`,
  )
}
