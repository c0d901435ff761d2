/**
 * Numbers of a piece: 128 KiB. Longer rows travel in pieces, so that one is encrypted, another is on its way, a third is
 * added and a fourth returns at the same time. Halves of it cost a tenth more, twice as much saves little (docs/log.md).
 */
export const pieceValues = 32 * 1024

/** 32 KiB, a row of the widest models: what cuts a piece further costs more in messages than it saves. */
const leastValues = 8 * 1024

/** @param wanted pieces, if they are not too short for it: when each rank is to have one */
export function lengthOfPieces(length: number, wanted = 1): number {
  return Math.min(pieceValues, Math.max(leastValues, Math.ceil(length / wanted)))
}

/** Views of the rows, the last one shorter. */
export function piecesOf(rows: Float32Array, wanted?: number): readonly Float32Array[] {
  const each = lengthOfPieces(rows.length, wanted)
  return Array.from({ length: Math.ceil(rows.length / each) }, (_, chunk) =>
    rows.subarray(chunk * each, (chunk + 1) * each),
  )
}
