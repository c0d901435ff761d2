import { sha256Hex, unitOf, type IdentifiedManifest } from '@shoal/model'
import type { Piece, UnitDownload, WrittenPiece } from '@shoal/model/node'

/** Download of a unit into memory, in place of a disk. */
export interface MemoryDownload extends UnitDownload {
  readonly committed: boolean
}

export function createMemoryDownload(
  { manifest }: IdentifiedManifest,
  unit: string,
  pieceBytes: number,
): MemoryDownload {
  const tensors = manifest.tensors.filter(({ name }) => unitOf(name) === unit)
  const contents = new Map(tensors.map((tensor) => [tensor.name, new Uint8Array(tensor.bytes)]))
  const pieces: Piece[] = []
  for (const tensor of tensors) {
    for (let offset = 0; offset < tensor.bytes; offset += pieceBytes)
      pieces.push({
        index: pieces.length,
        tensor,
        offset,
        bytes: Math.min(pieceBytes, tensor.bytes - offset),
      })
  }
  const written = new Map<Piece, WrittenPiece>()
  let committed = false
  const right = (name: string, sha256: string): boolean =>
    sha256Hex(contents.get(name) ?? new Uint8Array()) === sha256

  return {
    pieces,
    get committed() {
      return committed
    },
    written: (piece) => written.get(piece) ?? null,
    write(piece, bytes, from) {
      contents.get(piece.tensor.name)?.set(bytes, piece.offset)
      written.set(piece, { sha256: sha256Hex(bytes), from })
      return Promise.resolve()
    },
    drop(dropped) {
      for (const piece of dropped) written.delete(piece)
      return Promise.resolve()
    },
    verify: (tensor) => Promise.resolve(right(tensor.name, tensor.sha256)),
    commit() {
      committed = tensors.every(({ name, sha256 }) => right(name, sha256))
      return committed ? Promise.resolve() : Promise.reject(new Error(`${unit} does not have its bytes`))
    },
    suspend: () => Promise.resolve(),
    abort: () => Promise.resolve(),
  }
}
