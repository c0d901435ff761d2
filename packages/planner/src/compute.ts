import type { MemberHardware } from '@shoal/membership'

/** Positions for which plans are made: half of a usual conversation. */
export const planningPast = 512

/** Positions by which a slope is told in records: so is a tenth of a microsecond per position still an integer. */
const slopePositions = 1024

/**
 * One row through one block behind `past` cached positions. Attention reads the whole cache, so the time is a straight
 * line over its length; who has not measured the slope is taken to be flat.
 */
export function decodeMicros(
  { decodeMicrosPerBlock, decodeMicrosPer1024Past = 0 }: MemberHardware,
  past: number,
): number {
  return Math.max(1, decodeMicrosPerBlock + Math.round((decodeMicrosPer1024Past * past) / slopePositions))
}
