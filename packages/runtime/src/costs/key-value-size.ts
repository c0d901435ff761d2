import { cachedRows, keyValueBytesPerPosition } from '@shoal/model'
import { limits } from '../limits.ts'
import type { Span } from '../span.ts'

/** Bytes of one position in the KV caches of a span's blocks, which may differ. */
export function keyValueBytesOf({ blocks, kv }: Pick<Span, 'blocks' | 'kv'>): number {
  return blocks.reduce((sum, { attention }) => sum + keyValueBytesPerPosition(attention, kv), 0)
}

/** Values of one position in the KV caches of a span's blocks. Exports have them in float32, whatever the cache holds. */
export function keyValuesOf({ blocks }: Pick<Span, 'blocks'>): number {
  return blocks
    .flatMap(({ attention }) => cachedRows(attention))
    .reduce((sum, { heads, size }) => sum + heads * size, 0)
}

/**
 * Positions to allocate so that `length` of them fit, at most `budget`.
 *
 * Attention touches the whole buffer in every step, so the buffer must not be much larger than its content; growing
 * copies the content, so it must not grow by single rows. Steps of a quarter of the next power of two waste at most 25 %
 * and copy each row about five times in a session's life.
 */
export function keyValueCapacity(length: number, budget: number): number {
  const step = Math.max(limits.keyValueStepMin, 2 ** Math.ceil(Math.log2(Math.max(1, length))) / 4)
  return Math.min(budget, Math.ceil(Math.max(1, length) / step) * step)
}
