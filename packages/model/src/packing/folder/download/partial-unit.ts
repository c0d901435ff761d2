import { open, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { createNodeHasher } from '../../../manifest/node-hasher.ts'
import { handleReader } from '../../../sources/file-reader.ts'
import type { RangeReader } from '../../../sources/range-reader.ts'
import { claimPartial, type PartialFolder, type PartialOwner } from '../partial-folder.ts'
import type { UnitFile } from '../unit-writer.ts'
import { tellFullDisk } from '../disk/full-disk.ts'
import { renameDurably, writeFully } from '../disk/write-durably.ts'
import { openPieceLog, type PieceLog, type WrittenPiece } from './piece-log.ts'
import { piecesOf, type Piece } from './pieces.ts'

/** The unfinished file of a unit, with the log of the pieces that were written to it. */
export interface PartialUnit {
  readonly pieces: readonly Piece[]
  readonly reader: RangeReader
  /** Pieces that are there, by index. */
  readonly written: Map<number, WrittenPiece>
  readonly log: PieceLog
  /** @throws {ModelError} `disk-full` */
  write(piece: Piece, bytes: Uint8Array): Promise<void>
  /** Closes file and log; once is enough. */
  close(): Promise<void>
  /** Syncs and closes the file, and gives it the unit's name. @throws {ModelError} `disk-full` */
  finish(): Promise<void>
  /** After `close`: lets a later download, of any process, go on from here. */
  release(): void
  /** After `close`. */
  remove(): Promise<void>
}

/** Begins a unit, or goes on where an earlier download ended. */
export async function openPartialUnit(
  unit: UnitFile,
  owner: PartialOwner,
  pieceBytes: number,
): Promise<PartialUnit> {
  const partial = await claimPartial(unit.path, owner, { adopt: true })
  const dataPath = join(partial.path, 'data')
  const { handle, log, written } = await openFiles(partial, dataPath, unit, pieceBytes)
  const pieces = piecesOf(unit.tensors ?? [], pieceBytes)
  const reader = handleReader(handle, unit.bytes, unit.path)
  let open = true
  const close = async (): Promise<void> => {
    if (!open) return
    open = false
    await log.close()
    await handle.close()
  }
  try {
    await dropLostPieces(pieces, written, reader)
  } catch (error) {
    await close()
    partial.release()
    throw error
  }
  return {
    pieces,
    reader,
    written,
    log,
    write: ({ tensor, offset }, bytes) => writeFully(handle, bytes, tensor.offset + offset),
    close,
    async finish() {
      await tellFullDisk(() => handle.sync())
      await close()
      await renameDurably(dataPath, unit.path)
    },
    release: () => partial.release(),
    remove: () => partial.discard(),
  }
}

export function sha256Of(bytes: Uint8Array): string {
  const hasher = createNodeHasher()
  hasher.update(bytes)
  return hasher.digest()
}

/** Opens the file and its log, as an earlier download left them or new. */
async function openFiles(partial: PartialFolder, dataPath: string, unit: UnitFile, pieceBytes: number) {
  let handle: FileHandle | null = null
  try {
    handle = await open(dataPath, partial.adopted && (await isFile(dataPath)) ? 'r+' : 'w+')
    await handle.truncate(unit.bytes)
    await zeroGaps(handle, unit)
    return { handle, ...(await openPieceLog(join(partial.path, 'pieces'), pieceBytes)) }
  } catch (error) {
    await handle?.close()
    partial.release()
    throw error
  }
}

/** A loss of power may have kept a line of the log and lost the bytes that it speaks of. */
async function dropLostPieces(
  pieces: readonly Piece[],
  written: Map<number, WrittenPiece>,
  reader: RangeReader,
): Promise<void> {
  for (const [index, { sha256 }] of written) {
    const piece = pieces[index]
    const kept =
      piece !== undefined &&
      sha256Of(await reader.read(piece.tensor.offset + piece.offset, piece.bytes)) === sha256
    if (!kept) written.delete(index)
  }
}

/** The gaps between tensors are zero in a unit's file; an adopted file may have been changed. */
async function zeroGaps(handle: FileHandle, { tensors }: UnitFile): Promise<void> {
  let end = 0
  for (const tensor of tensors ?? []) {
    if (tensor.offset > end) await writeFully(handle, new Uint8Array(tensor.offset - end), end)
    end = tensor.offset + tensor.bytes
  }
}

async function isFile(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => null)
  if (stats !== null && !stats.isFile()) await rm(path, { recursive: true })
  return stats?.isFile() === true
}
