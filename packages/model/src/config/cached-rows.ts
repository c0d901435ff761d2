import type { AttentionSpec } from './block-spec.ts'

/** One kind of rows that a block's cache holds, a row of every head for each position. */
export interface CachedRows {
  readonly heads: number
  /** Values of a head's row. */
  readonly size: number
}

type Cached = Pick<AttentionSpec, 'headCount' | 'keyValueHeadCount' | 'headSize' | 'convolution'>

/**
 * What a block keeps of each position: keys, then values, as its heads have them, also where heads are made of shared vectors.
 * A short convolution keeps its inputs: it needs the last few only, but with one row for each position a session can be cut,
 * handed over and begun with another's rows as with keys and values.
 */
export function cachedRows({
  headCount,
  keyValueHeadCount: heads,
  headSize: size,
  convolution,
}: Cached): readonly CachedRows[] {
  if (convolution !== undefined) return [{ heads: 1, size: headCount * size }]
  return [
    { heads, size },
    { heads, size },
  ]
}
