import { open, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelError } from '../../error.ts'
import type { ManifestTensor } from '../../manifest/manifest.ts'
import { handleReader } from '../../sources/model-folder.ts'
import { createNodeHasher } from '../../manifest/node-hasher.ts'
import { claimPartial, type PartialFolder, type PartialOwner } from './partial-folder.ts'
import { openPieceLog, type WrittenPiece } from './piece-log.ts'
import { hashTensor, type UnitFile } from './unit-writer.ts'
import { renameDurably, writeFully } from './write-durably.ts'

/** A part of one tensor, of `pieceBytes` but for the last of each. */
export interface Piece {
  readonly index: number
  readonly tensor: ManifestTensor
  /** In the tensor. */
  readonly offset: number
  readonly bytes: number
}

/**
 * One unit on its way from peers to disk. What has been written survives a crash: the next `download` of the unit, by
 * whichever process, goes on from there. End it with `commit`, `suspend` or `abort`.
 */
export interface UnitDownload {
  /** In file order. */
  readonly pieces: readonly Piece[]
  /** What was written for a piece; null while it is missing. */
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

/** The grid of pieces over a unit. Pure. */
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

/** @param ended called once: true when the unit is there under its final name */
export async function createUnitDownload(
  unit: UnitFile,
  owner: PartialOwner,
  pieceBytes: number,
  ended: (committed: boolean) => Promise<void> | void,
): Promise<UnitDownload> {
  const tensors = unit.tensors ?? []
  const pieces = piecesOf(tensors, pieceBytes)
  const partial = await claimPartial(unit.path, owner, { adopt: true })
  const dataPath = join(partial.path, 'data')
  const { handle, log, written } = await openPartial(partial, dataPath, unit, pieceBytes)
  const reader = handleReader(handle, unit.bytes, unit.path)
  // A loss of power may have kept a line and lost its bytes.
  for (const [index, { sha256 }] of written) {
    const piece = pieces[index]
    if (
      piece === undefined ||
      sha256Of(await reader.read(piece.tensor.offset + piece.offset, piece.bytes)) !== sha256
    )
      written.delete(index)
  }
  const verified = new Set<string>()
  let state: 'open' | 'ended' = 'open'

  const verify = async (tensor: ManifestTensor, signal?: AbortSignal): Promise<boolean> => {
    if ((await hashTensor(reader, tensor, signal)) !== tensor.sha256) return false
    verified.add(tensor.name)
    return true
  }
  const close = async (): Promise<boolean> => {
    if (state === 'ended') return false
    state = 'ended'
    await log.close()
    await handle.close()
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
      await writeFully(handle, bytes, piece.tensor.offset + piece.offset)
      const entry = { sha256: sha256Of(bytes), from }
      await log.add(piece.index, entry)
      written.set(piece.index, entry)
    },
    drop,
    verify,
    commit: async (signal) => {
      for (const tensor of tensors) {
        if (verified.has(tensor.name) || (await verify(tensor, signal))) continue
        await drop(pieces.filter((piece) => piece.tensor === tensor))
        throw new ModelError(
          'hash-mismatch',
          `tensor ${tensor.name} in ${unit.path} is not what the manifest says`,
        )
      }
      await handle.sync()
      await close()
      await renameDurably(dataPath, unit.path)
      await partial.remove()
      await ended(true)
    },
    suspend: async () => {
      if (!(await close())) return
      partial.release()
      await ended(false)
    },
    abort: async () => {
      if (!(await close())) return
      await partial.remove()
      await ended(false)
    },
  }
}

/** The file and its log, as an earlier download left them or new. */
async function openPartial(partial: PartialFolder, dataPath: string, unit: UnitFile, pieceBytes: number) {
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

/** Gaps are part of the file's one content; somebody may have changed a file that was left. */
async function zeroGaps(handle: FileHandle, { tensors }: UnitFile): Promise<void> {
  let end = 0
  for (const tensor of tensors ?? []) {
    if (tensor.offset > end) await writeFully(handle, new Uint8Array(tensor.offset - end), end)
    end = tensor.offset + tensor.bytes
  }
}

function sha256Of(bytes: Uint8Array): string {
  const hasher = createNodeHasher()
  hasher.update(bytes)
  return hasher.digest()
}

async function isFile(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => null)
  if (stats !== null && !stats.isFile()) await rm(path, { recursive: true })
  return stats?.isFile() === true
}
