import { formatSplit, sha256Hex, type BlockSplit } from '@shoal/model'

/** The class of peers whose bits cannot be reproduced (`noNumericClass` of `@shoal/runtime`). */
const none = 'none'

/**
 * The numeric class of a group: a hash of the classes of its ranks in order, the split, and the form of the sums. Two groups
 * of one class compute the same bits; a group and a single peer never share a class. The algorithm of the sums is not part
 * of it, because all algorithms add in the order of ranks.
 */
export function groupClass(ranks: readonly string[], split: BlockSplit): string {
  if (ranks.includes(none)) return none
  const text = JSON.stringify(['group', 'f32-in-rank-order', ranks, formatSplit(split)])
  return sha256Hex(new TextEncoder().encode(text)).slice(0, 32)
}
