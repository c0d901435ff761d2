import { ShoalError, type MemoryBudget, type MemoryCharge } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import type { RunnerMemory } from '../block-runner.ts'
import { keyValueBytesOf, keyValuesOf } from '../costs/key-value-size.ts'
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
  /** Budget that is charged for the weights now, and for the KV cache of each session when it opens. */
  readonly memory: MemoryBudget
}

/** @throws {ShoalError} `no-capacity` when the weights alone exceed what is left of the budget */
export function createSessionBook(options: SessionBookOptions): SessionBook {
  const { span, contextLength, weightBytes, memory } = options
  const { range } = span
  const hiddenSize = hiddenSizeOf(span)
  const weights = memory.reserve('weights', weightBytes, `blocks ${range.start}:${range.end}`)
  const entries = new Map<string, SessionEntry>()
  const caches = new Map<string, MemoryCharge>()
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
      const own = partOf(span, part)
      const wanted = tokenBudget * keyValueBytesOf(own)
      checkRoom(wanted, tokenBudget, memory.freeBytes())
      checkSessionCount(entries.size)
      caches.set(name, memory.reserve('key-values', wanted, `session ${name}`))
      const counters = { length: 0, keyValueBytes: 0, failures: 0 }
      entries.set(name, { name, tokenBudget, blocks: own.blocks, reservedBytes: wanted, ...counters })
    },
    accept(session, position, valueCount) {
      const entry = find(session)
      return appendRows(entry, position, checkRows(valueCount, hiddenSize))
    },
    acceptKeyValues(session, position, valueCount) {
      const entry = find(session)
      return appendRows(entry, position, checkPositions(valueCount, keyValuesOf(entry)))
    },
    length: (session) => find(session).length,
    truncate: (session, length) => truncateEntry(find(session), length),
    close(session) {
      caches.get(session)?.free()
      caches.delete(session)
      return entries.delete(session)
    },
    release() {
      for (const cache of caches.values()) cache.free()
      caches.clear()
      entries.clear()
      weights.free()
      released = true
    },
    memory: () => figuresOf(weightBytes, memory.limitBytes, entries, caches),
  }
}

function figuresOf(
  weightBytes: number,
  limitBytes: number,
  entries: ReadonlyMap<string, SessionEntry>,
  caches: ReadonlyMap<string, MemoryCharge>,
): RunnerMemory {
  const keyValueBytes = [...entries.values()].reduce((sum, entry) => sum + entry.keyValueBytes, 0)
  const reservedBytes = [...caches.values()].reduce((sum, cache) => sum + cache.bytes, 0)
  return { weightBytes, keyValueBytes, reservedBytes, limitBytes, sessions: entries.size }
}
