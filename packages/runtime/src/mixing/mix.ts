import type { BlockCache } from '../reference/block.ts'

/** One block of one session: keys and values by position as in every runner, and what an attention over them comes to. */
export interface MixedCache extends BlockCache {
  /** Of positions `[0, position]`, by position: 32 bits that change with every key and value before. */
  readonly digests: number[]
}

/** What a multiplication by a matrix would do, in a few operations: two numbers become 32 bits that look like chance. */
export function mix(a: number, b: number): number {
  // The finaliser of MurmurHash3, over a sum of both that is not the same the other way round.
  let hash = a ^ Math.imul(b, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A whole number below 2^24: float32 has it exactly, and it is finite. */
const exact = (hash: number): number => hash >>> 8

/** Bits of a row, of any numbers. */
export function hashRow(seed: number, row: Float32Array): number {
  const words = new Int32Array(row.buffer, row.byteOffset, row.length)
  return words.reduce((hash, word, index) => mix(mix(hash, index), word), seed)
}

/**
 * One position through one block, in place. Its key and value depend on its own row, on the position and on the block's
 * weights, as real ones do; what leaves the block on all keys and values up to here, in their order. So a cache that has
 * lost, repeated or misplaced a position gives something else from there on, whoever computed it.
 * @param seed of the block's weights
 */
export function mixBlock(seed: number, width: number, cache: MixedCache, row: Float32Array): void {
  const position = cache.keys.length
  const own = mix(hashRow(seed, row), position)
  cache.keys.push(Float32Array.from({ length: width }, (_, index) => exact(mix(own, 2 * index))))
  cache.values.push(Float32Array.from({ length: width }, (_, index) => exact(mix(own, 2 * index + 1))))
  const digest = mix(digestTo(cache, position), own)
  for (let index = 0; index < row.length; index += 1) row[index] = exact(mix(digest, index))
}

/** What attention to all positions up to this one comes to; kept, so that each is looked at once. */
function digestTo({ keys, values, digests }: MixedCache, position: number): number {
  for (let at = digests.length; at <= position; at += 1) {
    const before = digests[at - 1] ?? 0
    digests.push(hashRow(hashRow(mix(before, at), keys[at]!), values[at]!))
  }
  return digests[position]!
}
