import type { ManifestTensor } from '@shoal/model'
import type { Piece, UnitDownload, WrittenPiece } from '@shoal/model/node'

/** How much of a download is here, tensor by tensor. */
export interface UnitTally {
  readonly tensors: number
  readonly presentBytes: number
  missing(): Piece[]
  /** Tensors whose pieces are all here. */
  whole(): ManifestTensor[]
  piecesOf(tensor: ManifestTensor): readonly Piece[]
  /** What was written of a tensor that is whole, in order. */
  writtenOf(tensor: ManifestTensor): WrittenPiece[]
  /** @returns whether its tensor is whole now */
  wrote(piece: Piece): boolean
  /** Those of `pieces` that are here are missing again; returns them. The download must drop them too. */
  dropped(pieces: readonly Piece[]): Piece[]
}

export function createUnitTally(download: UnitDownload): UnitTally {
  const perTensor = Map.groupBy(download.pieces, (piece) => piece.tensor)
  const here = new Set(download.pieces.filter((piece) => download.written(piece) !== null))
  let presentBytes = bytesOf([...here])
  const piecesOf = (tensor: ManifestTensor): readonly Piece[] => perTensor.get(tensor) ?? []
  const isWhole = (tensor: ManifestTensor): boolean => piecesOf(tensor).every((piece) => here.has(piece))
  return {
    tensors: perTensor.size,
    get presentBytes() {
      return presentBytes
    },
    missing: () => download.pieces.filter((piece) => !here.has(piece)),
    whole: () => [...perTensor.keys()].filter(isWhole),
    piecesOf,
    writtenOf: (tensor) =>
      piecesOf(tensor)
        .map((piece) => download.written(piece))
        .filter((written): written is WrittenPiece => written !== null),
    wrote(piece) {
      here.add(piece)
      presentBytes += piece.bytes
      return isWhole(piece.tensor)
    },
    dropped(pieces) {
      const gone = pieces.filter((piece) => here.delete(piece))
      presentBytes -= bytesOf(gone)
      return gone
    },
  }
}

function bytesOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { bytes }) => sum + bytes, 0)
}
