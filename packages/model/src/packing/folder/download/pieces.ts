import type { ManifestTensor } from '../../../manifest/manifest.ts'

/** A part of one tensor of a unit. All parts have `pieceBytes`, except for the last of each tensor. */
export interface Piece {
  readonly index: number
  readonly tensor: ManifestTensor
  /** Byte offset in the tensor. */
  readonly offset: number
  readonly bytes: number
}

/** The grid of pieces over a unit's tensors. */
export function piecesOf(tensors: readonly ManifestTensor[], pieceBytes: number): Piece[] {
  const pieces: Piece[] = []
  for (const tensor of tensors) {
    for (let offset = 0; offset < tensor.bytes; offset += pieceBytes) {
      pieces.push({
        index: pieces.length,
        tensor,
        offset,
        bytes: Math.min(pieceBytes, tensor.bytes - offset),
      })
    }
  }
  return pieces
}
