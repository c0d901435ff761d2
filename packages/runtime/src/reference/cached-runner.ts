import { cachedRows, type BlockRange, type BlockSpec, type CachedRows } from '@shoal/model'
import type { BlockRunner } from '../block-runner.ts'
import { keyValueBytesOf, keyValuesOf } from '../costs/key-value-size.ts'
import { resolveWindow, type ResolvedWindow } from '../sessions/key-value-window.ts'
import type { SessionBook } from '../sessions/session-book.ts'
import { hiddenSizeOf, partOf, type Span } from '../span.ts'
import type { BlockCache } from './attention.ts'

export interface CachedRunnerParts<Cache extends BlockCache> {
  readonly span: Span
  readonly book: SessionBook
  createCache(): Cache
  /** Forgets, from position `length` on, what a cache holds beside keys and values. */
  cut?(cache: Cache, length: number): void
  /**
   * Takes rows through blocks, appending to their caches.
   * @param caches one for each block of the session
   * @param first index of the session's first block, counted from the runner's first
   * @param hidden float32 `[rows, hiddenSize]`, not to be changed
   * @param tokenBudget positions that the session may have
   * @returns float32 `[rows, hiddenSize]`
   */
  compute(
    caches: readonly Cache[],
    first: number,
    position: number,
    hidden: Float32Array,
    tokenBudget: number,
  ): Float32Array
}

interface CachedSession<Cache> {
  readonly part: BlockRange
  readonly tokenBudget: number
  readonly caches: readonly Cache[]
}

/** A runner that keeps keys and values as rows and computes at once, on the calling thread. */
export function createCachedRunner<Cache extends BlockCache>(parts: CachedRunnerParts<Cache>): BlockRunner {
  const { span, book } = parts
  const { range } = span
  const sessions = new Map<string, CachedSession<Cache>>()
  const find = (session: string): CachedSession<Cache> =>
    sessions.get(session) ?? { part: range, tokenBudget: 0, caches: [] }
  const bytesOf = (part: BlockRange, positions: number): number =>
    keyValueBytesOf(partOf(span, part)) * positions

  return {
    range,
    hiddenSize: hiddenSizeOf(span),
    async open(session, tokenBudget, part = range) {
      book.open(session, tokenBudget, part)
      sessions.set(session, {
        part,
        tokenBudget,
        caches: Array.from({ length: part.end - part.start }, () => parts.createCache()),
      })
    },
    async forward(session, position, hidden) {
      const accepted = book.accept(session, position, hidden.length)
      const { part, tokenBudget, caches } = find(session)
      const output = parts.compute(caches, part.start - range.start, position, hidden, tokenBudget)
      accepted.succeed(bytesOf(part, position + accepted.rows))
      return output
    },
    length: (session) => book.length(session),
    async truncate(session, length) {
      book.truncate(session, length)
      for (const cache of find(session).caches) {
        cutRows(cache, length)
        parts.cut?.(cache, length)
      }
    },
    async close(session) {
      book.close(session)
      sessions.delete(session)
    },
    async exportKeyValues(session, window = {}) {
      const length = book.length(session)
      const { part, caches } = find(session)
      return exportCaches(partOf(span, part).blocks, caches, resolveWindow(window, { part, length }))
    },
    async importKeyValues(session, position, keyValues) {
      const accepted = book.acceptKeyValues(session, position, keyValues.length)
      const { part, caches } = find(session)
      importCaches(partOf(span, part).blocks, caches, accepted.rows, keyValues)
      accepted.succeed(bytesOf(part, position + accepted.rows))
    },
    memory: () => book.memory(),
    async release() {
      book.release()
      sessions.clear()
    },
  }
}

/**
 * What a window's blocks cache, block by block: keys, then values (`cachedRows`), each float32 `[heads, positions, size]`.
 * @param blocks of the session, one for each cache
 */
export function exportCaches(
  blocks: readonly BlockSpec[],
  caches: readonly BlockCache[],
  { from, to, first, end }: ResolvedWindow,
): Float32Array {
  const wanted = blocks.slice(first, end)
  const whole = new Float32Array((to - from) * keyValuesOf({ blocks: wanted }))
  let at = 0
  for (const [index, { attention }] of wanted.entries()) {
    for (const [rows, { heads, size }] of rowsOf(attention, caches[first + index])) {
      for (let head = 0; head < heads; head += 1) {
        for (const row of rows.slice(from, to)) {
          whole.set(row.subarray(head * size, (head + 1) * size), at)
          at += size
        }
      }
    }
  }
  return whole
}

/** Appends `count` positions to all blocks, in the form of {@link exportCaches}. */
export function importCaches(
  blocks: readonly BlockSpec[],
  caches: readonly BlockCache[],
  count: number,
  keyValues: Float32Array,
): void {
  let at = 0
  for (const [index, { attention }] of blocks.entries()) {
    for (const [rows, { heads, size }] of rowsOf(attention, caches[index])) {
      const added = Array.from({ length: count }, () => new Float32Array(heads * size))
      for (let head = 0; head < heads; head += 1) {
        for (const row of added) {
          row.set(keyValues.subarray(at, at + size), head * size)
          at += size
        }
      }
      rows.push(...added)
    }
  }
}

/** Forgets positions from `length` on. */
export function cutRows({ keys, values }: BlockCache, length: number): void {
  keys.length = Math.min(keys.length, length)
  values.length = Math.min(values.length, length)
}

/** The lists that a block's cache holds: keys, and values where they are apart. */
function rowsOf(
  attention: BlockSpec['attention'],
  cache: BlockCache | undefined,
): (readonly [rows: Float32Array[], CachedRows])[] {
  if (cache === undefined) return []
  return cachedRows(attention).map((rows, index) => [index === 0 ? cache.keys : cache.values, rows])
}
