import { formatSplit, sha256Hex, type BlockSplit } from '@shoal/model'

/** The class of peers whose bits cannot be reproduced (`noNumericClass` of `@shoal/runtime`). */
const none = 'none'

/**
 * The numeric class of a group: a hash of the classes of its ranks in order, the split, and the form of the sums. Two groups
 * of one class compute the same bits; a group and a single peer never share a class,
 * except where ranks of one class share experts: these compute the bits of a single peer. The algorithm of the sums is not part
 * of it, because all algorithms add in the order of ranks.
 */
export function groupClass(ranks: readonly string[], split: BlockSplit): string {
  if (ranks.includes(none)) return none
  const [first] = ranks
  // Experts compute the same bits wherever they are, and are added in the order of their numbers.
  if (split.experts !== undefined && first !== undefined && ranks.every((one) => one === first)) return first
  const text = JSON.stringify(['group', 'f32-in-rank-order', ranks, formatSplit(split)])
  return sha256Hex(new TextEncoder().encode(text)).slice(0, 32)
}
