import type { BlockRange, ModelConfig } from '@shoal/model'
import type { BlockRunner } from '../block-runner.ts'
import { keyValueBytesPerPosition } from '../costs/key-value-size.ts'
import { resolveWindow, type ResolvedWindow } from '../key-value-window.ts'
import type { SessionBook } from '../session-book.ts'
import type { BlockCache } from './block.ts'

export interface CachedRunnerParts<Cache extends BlockCache> {
  readonly config: ModelConfig
  readonly range: BlockRange
  readonly book: SessionBook
  createCache(): Cache
  /** Forgets what a cache has beside keys and values from this position on. */
  cut?(cache: Cache, length: number): void
  /**
   * Takes rows through blocks, appending to their caches.
   * @param hidden float32 `[rows, hiddenSize]`, not to be changed
   * @param first of the blocks, counted from the runner's first; one for each cache
   * @returns float32 `[rows, hiddenSize]`
   */
  compute(caches: readonly Cache[], first: number, position: number, hidden: Float32Array): Float32Array
}

/** A runner that keeps keys and values as rows and computes at once, on the calling thread. */
export function createCachedRunner<Cache extends BlockCache>(parts: CachedRunnerParts<Cache>): BlockRunner {
  const { config, range, book } = parts
  const sessions = new Map<string, { readonly part: BlockRange; readonly caches: readonly Cache[] }>()
  const find = (session: string): { readonly part: BlockRange; readonly caches: readonly Cache[] } =>
    sessions.get(session) ?? { part: range, caches: [] }
  const bytesOf = (caches: readonly Cache[], positions: number): number =>
    caches.length * keyValueBytesPerPosition(config) * positions

  return {
    range,
    hiddenSize: config.hiddenSize,
    async open(session, tokenBudget, part = range) {
      book.open(session, tokenBudget, part)
      sessions.set(session, {
        part,
        caches: Array.from({ length: part.end - part.start }, () => parts.createCache()),
      })
    },
    async forward(session, position, hidden) {
      const accepted = book.accept(session, position, hidden.length)
      const { part, caches } = find(session)
      const output = parts.compute(caches, part.start - range.start, position, hidden)
      accepted.succeed(bytesOf(caches, position + accepted.rows))
      return output
    },
    length: (session) => book.length(session),
    async truncate(session, length) {
      book.truncate(session, length)
      for (const cache of find(session).caches) {
        cache.keys.length = length
        cache.values.length = length
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
      return exportCaches(config, caches, resolveWindow(window, { part, length }))
    },
    async importKeyValues(session, position, keyValues) {
      const accepted = book.acceptKeyValues(session, position, keyValues.length)
      const { caches } = find(session)
      importCaches(config, caches, accepted.rows, keyValues)
      accepted.succeed(bytesOf(caches, position + accepted.rows))
    },
    memory: () => book.memory(),
    async release() {
      book.release()
      sessions.clear()
    },
  }
}

/** Of the window's blocks keys then values, `[keyValueHeads, positions, headSize]`. */
export function exportCaches(
  { keyValueHeadCount, headSize }: ModelConfig,
  caches: readonly BlockCache[],
  { from, to, first, end }: ResolvedWindow,
): Float32Array {
  const kinds = caches.slice(first, end).flatMap(({ keys, values }) => [keys, values])
  const whole = new Float32Array(kinds.length * keyValueHeadCount * (to - from) * headSize)
  let at = 0
  for (const rows of kinds) {
    for (let head = 0; head < keyValueHeadCount; head += 1) {
      for (const row of rows.slice(from, to)) {
        whole.set(row.subarray(head * headSize, (head + 1) * headSize), at)
        at += headSize
      }
    }
  }
  return whole
}

/** Appends `count` positions of all blocks, as {@link exportCaches} gives them. */
export function importCaches(
  { keyValueHeadCount, headSize }: ModelConfig,
  caches: readonly BlockCache[],
  count: number,
  keyValues: Float32Array,
): void {
  let at = 0
  for (const rows of caches.flatMap(({ keys, values }) => [keys, values])) {
    const added = Array.from({ length: count }, () => new Float32Array(keyValueHeadCount * headSize))
    for (let head = 0; head < keyValueHeadCount; head += 1) {
      for (const row of added) {
        row.set(keyValues.subarray(at, at + headSize), head * headSize)
        at += headSize
      }
    }
    rows.push(...added)
  }
}
