import { ModelError } from '../../../error.ts'
import type { ManifestTensor } from '../../../manifest/manifest.ts'
import type { PartialOwner } from '../partial-folder.ts'
import { hashTensor, type UnitFile } from '../unit-writer.ts'
import { openPartialUnit, sha256Of } from './partial-unit.ts'
import type { WrittenPiece } from './piece-log.ts'
import type { Piece } from './pieces.ts'

/**
 * One unit on its way from peers to disk. What has been written survives a crash: the next `download` of the unit, by
 * any process, goes on from there. It ends with `commit`, `suspend` or `abort`.
 */
export interface UnitDownload {
  /** In file order. */
  readonly pieces: readonly Piece[]
  /** The hash and the sender of a piece that was written; null while it is missing. */
  written(piece: Piece): WrittenPiece | null
  /** @throws {ModelError} `disk-full` */
  write(piece: Piece, bytes: Uint8Array, from: string): Promise<void>
  /** Forgets pieces whose bytes are doubted. */
  drop(pieces: readonly Piece[]): Promise<void>
  /** Whether the bytes of a tensor, all of whose pieces are here, are the manifest's. */
  verify(tensor: ManifestTensor, signal?: AbortSignal): Promise<boolean>
  /** @throws {ModelError} `hash-mismatch` unless every tensor verifies */
  commit(signal?: AbortSignal): Promise<void>
  /** Keeps what is here for a later download. */
  suspend(): Promise<void>
  abort(): Promise<void>
}

/** @param ended called once: with true when the unit is there under its final name */
export async function createUnitDownload(
  unit: UnitFile,
  owner: PartialOwner,
  pieceBytes: number,
  ended: (committed: boolean) => Promise<void> | void,
): Promise<UnitDownload> {
  const partial = await openPartialUnit(unit, owner, pieceBytes)
  const { pieces, reader, written, log } = partial
  const verified = new Set<string>()
  let over = false

  const verify = async (tensor: ManifestTensor, signal?: AbortSignal): Promise<boolean> => {
    if ((await hashTensor(reader, tensor, signal)) !== tensor.sha256) return false
    verified.add(tensor.name)
    return true
  }
  const drop = async (dropped: readonly Piece[]): Promise<void> => {
    for (const piece of dropped) {
      written.delete(piece.index)
      verified.delete(piece.tensor.name)
    }
    await log.drop(dropped.map(({ index }) => index))
  }
  return {
    pieces,
    written: ({ index }) => written.get(index) ?? null,
    write: async (piece, bytes, from) => {
      if (bytes.byteLength !== piece.bytes)
        throw new ModelError(
          'bad-request',
          `${bytes.byteLength} bytes for a piece of ${piece.bytes} of ${piece.tensor.name}`,
        )
      await partial.write(piece, bytes)
      const entry = { sha256: sha256Of(bytes), from }
      await log.add(piece.index, entry)
      written.set(piece.index, entry)
    },
    drop,
    verify,
    commit: async (signal) => {
      for (const tensor of unit.tensors ?? []) {
        if (verified.has(tensor.name) || (await verify(tensor, signal))) continue
        await drop(pieces.filter((piece) => piece.tensor === tensor))
        throw new ModelError(
          'hash-mismatch',
          `tensor ${tensor.name} in ${unit.path} is not what the manifest says`,
        )
      }
      await partial.finish()
      over = true
      await partial.remove()
      await ended(true)
    },
    // After a commit that has failed these two still end the work, so that the unit can be begun again.
    suspend: async () => {
      if (over) return
      over = true
      await partial.close()
      partial.release()
      await ended(false)
    },
    abort: async () => {
      if (over) return
      over = true
      await partial.close()
      await partial.remove()
      await ended(false)
    },
  }
}
