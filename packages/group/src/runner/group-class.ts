import { formatSplit, sha256Hex, type BlockSplit } from '@shoal/model'

/** Peers and groups of this class promise nothing (`noNumericClass` of `@shoal/runtime`). */
const none = 'none'

/**
 * The numeric class of a group: its ranks' classes in order, the split, and the form of the sums. Two groups of one class
 * compute the same bits; a group and a single peer never share one. Which way the sums travel is not part of it: all
 * of them add in rank order.
 */
export function groupClass(ranks: readonly string[], split: BlockSplit): string {
  if (ranks.includes(none)) return none
  const text = JSON.stringify(['group', 'f32-in-rank-order', ranks, formatSplit(split)])
  return sha256Hex(new TextEncoder().encode(text)).slice(0, 32)
}
