import type { MemberHardware } from '@shoal/membership'

/** Length of the KV cache for which plans are made: half of a usual conversation, in positions. */
export const planningPast = 512

/**
 * Records state the slope per so many positions, so that a tenth of a microsecond per position is still an integer.
 */
const slopePositions = 1024

/**
 * Time of one row through one block behind `past` cached positions, in microseconds. Attention reads the whole cache, so
 * the time is a straight line over its length. A member that has not measured the slope counts as flat.
 */
export function decodeMicros(
  { decodeMicrosPerBlock, decodeMicrosPer1024Past = 0 }: MemberHardware,
  past: number,
): number {
  return Math.max(1, decodeMicrosPerBlock + Math.round((decodeMicrosPer1024Past * past) / slopePositions))
}
