import type { MemberHardware } from '@shoal/membership'

/** Length of the KV cache for which plans are made: half of a usual conversation, in positions. */
export const planningPast = 512

/**
 * Records state the slope of the decode time per this many positions, because a slope per position would be a fraction
 * of a microsecond and records have integers only.
 */
const slopePositions = 1024

/**
 * Time of one row through one block after `past` cached positions, in microseconds. Attention reads the whole cache, so
 * the time is linear in its length. A member that has not measured the slope counts as flat.
 */
export function decodeMicros(
  { decodeMicrosPerBlock, decodeMicrosPer1024Past = 0 }: MemberHardware,
  past: number,
): number {
  return Math.max(1, decodeMicrosPerBlock + Math.round((decodeMicrosPer1024Past * past) / slopePositions))
}
