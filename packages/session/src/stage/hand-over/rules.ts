import { sessionLimits } from '../../route/limits.ts'

/** How many rows of `bytesPerRow` bytes one frame of a hand-over has. */
export function chunkRows(bytesPerRow: number): number {
  return Math.max(
    1,
    Math.min(sessionLimits.maxRowsPerStep, Math.floor(sessionLimits.handOverChunkBytes / bytesPerRow)),
  )
}

/**
 * Whether the route may change to the successors now. A pass sends the rows that exist when it begins. More rows are
 * computed meanwhile, so each pass is shorter than the one before, unless computing is about as fast as sending; then
 * another pass gains nothing.
 * @param left rows computed during the last pass @param passRows rows that the pass sent; negative after a rewind
 */
export function nearlyDone(left: number, passRows: number): boolean {
  return left <= sessionLimits.handOverRestRows || (passRows > 0 && left * 2 > passRows)
}
