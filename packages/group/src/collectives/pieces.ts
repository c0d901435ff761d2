/**
 * Most values of a piece: 128 KiB. Longer rows travel in pieces, so that one piece is encrypted, another one travels, a
 * third one is added and a fourth one returns at the same time. Pieces of half the length cost a tenth more, and pieces of
 * twice the length save little (docs/log.md).
 */
export const pieceValues = 32 * 1024

/** Least values of a piece: 32 KiB, a row of the widest models. Shorter pieces cost more in messages than they save. */
const leastValues = 8 * 1024

/** @param wanted how many pieces there are to be, so that each rank has one; fewer where they would be too short */
export function lengthOfPieces(length: number, wanted = 1): number {
  return Math.min(pieceValues, Math.max(leastValues, Math.ceil(length / wanted)))
}

/** The rows as views of equal length, of which the last may be shorter. */
export function piecesOf(rows: Float32Array, wanted?: number): readonly Float32Array[] {
  const each = lengthOfPieces(rows.length, wanted)
  return Array.from({ length: Math.ceil(rows.length / each) }, (_, chunk) =>
    rows.subarray(chunk * each, (chunk + 1) * each),
  )
}
