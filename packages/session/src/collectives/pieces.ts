/**
 * Numbers of a piece: 128 KiB. Longer rows travel in pieces, so that one is encrypted, another is on its way, a third is
 * added and a fourth returns at the same time. Halves of it cost a tenth more, twice as much saves little (docs/log.md).
 */
export const pieceValues = 32 * 1024

/** Views of the rows, the last one shorter. */
export function piecesOf(rows: Float32Array): readonly Float32Array[] {
  return Array.from({ length: Math.ceil(rows.length / pieceValues) }, (_, chunk) => rows.subarray(chunk * pieceValues, (chunk + 1) * pieceValues))
}
