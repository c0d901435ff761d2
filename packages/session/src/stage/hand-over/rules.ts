import { sessionLimits } from '../../route/limits.ts'

/** Rows of a frame whose rows have so many bytes each. */
export function chunkRows(bytesPerRow: number): number {
  return Math.max(
    1,
    Math.min(sessionLimits.maxRowsPerStep, Math.floor(sessionLimits.handOverChunkBytes / bytesPerRow)),
  )
}

/**
 * Whether the route may change hands. A pass sends what there is when it begins; meanwhile more is computed, so that each
 * pass is shorter than the one before, unless computing is about as fast as sending: then waiting gains nothing.
 * @param left rows that came during the last pass @param passRows rows that it sent; negative after a rewind
 */
export function nearlyDone(left: number, passRows: number): boolean {
  return left <= sessionLimits.handOverRestRows || (passRows > 0 && left * 2 > passRows)
}
