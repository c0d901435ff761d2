import type { BlockCache } from '../reference/attention.ts'

/** The cache of one block of one session: keys and values by position, and a digest of them in place of attention. */
export interface MixedCache extends BlockCache {
  /** By position, 32 bits that depend on all keys and values of positions `[0, position]`. */
  readonly digests: number[]
}

/** Mixes two numbers into 32 bits that look random: stands in for a multiplication by a matrix. */
export function mix(a: number, b: number): number {
  // The finaliser of MurmurHash3, over a combination of both in which their order matters.
  let hash = a ^ Math.imul(b, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** An integer below 2^24, which float32 represents exactly. */
const exact = (hash: number): number => hash >>> 8

/** Hashes the bits of a row, whatever numbers they are. */
export function hashRow(seed: number, row: Float32Array): number {
  const words = new Int32Array(row.buffer, row.byteOffset, row.length)
  return words.reduce((hash, word, index) => mix(mix(hash, index), word), seed)
}

/**
 * One position through one block, in place. The key and value depend on the row, the position and the block's weights, as
 * real ones do; the output depends on all keys and values up to this position, in their order. So a cache that has lost,
 * repeated or misplaced a position gives another output from there on.
 * @param seed hash of the block's weights
 * @param widths values of a key, and of a value where a cache holds both
 */
export function mixBlock(
  seed: number,
  [keyWidth = 0, valueWidth]: readonly number[],
  cache: MixedCache,
  row: Float32Array,
): void {
  const position = cache.keys.length
  const own = mix(hashRow(seed, row), position)
  const rowOf = (length: number, odd: number): Float32Array =>
    Float32Array.from({ length }, (_, index) => exact(mix(own, 2 * index + odd)))
  cache.keys.push(rowOf(keyWidth, 0))
  if (valueWidth !== undefined) cache.values.push(rowOf(valueWidth, 1))
  const digest = mix(digestTo(cache, position), own)
  for (let index = 0; index < row.length; index += 1) row[index] = exact(mix(digest, index))
}

/** The digest of all positions up to this one. Digests are kept, so that each position is hashed once. */
function digestTo({ keys, values, digests }: MixedCache, position: number): number {
  for (let at = digests.length; at <= position; at += 1) {
    const before = digests[at - 1] ?? 0
    digests.push(hashRow(hashRow(mix(before, at), keys[at]!), values[at] ?? new Float32Array()))
  }
  return digests[position]!
}
