import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelError } from '../../error.ts'
import type { ManifestTensor } from '../../manifest/manifest.ts'
import { handleReader } from '../../sources/file-reader.ts'
import { createNodeHasher } from '../../manifest/node-hasher.ts'
import { claimPartial, processOwner, type PartialOwner } from './partial-folder.ts'
import { checkRange, type RangeReader } from '../../sources/range-reader.ts'
import { tellFullDisk } from './disk/full-disk.ts'
import { renameDurably, writeFully } from './disk/write-durably.ts'

/** Bytes read at once while a unit is checked. */
const verifyChunkBytes = 4 << 20

/** One unit on its way to disk. End it with `commit` or `abort`. */
export interface UnitWriter {
  /**
   * Pieces may come in any order.
   * @param offset in the unit's file
   * @throws {ModelError} `bad-model` when the piece leaves the unit
   */
  write(offset: number, bytes: Uint8Array): Promise<void>
  /**
   * Compares every tensor's hash, syncs, and gives the file its final name.
   * @param options.verified the caller has compared the hashes of what it wrote
   * @throws {ModelError} `hash-mismatch` naming the tensor; the partial file is then gone
   */
  commit(options?: { verified?: boolean; signal?: AbortSignal }): Promise<void>
  /** Removes the partial file. Does nothing after `commit`. */
  abort(): Promise<void>
}

export interface UnitFile {
  readonly path: string
  readonly bytes: number
  /** The tensors of the file; null while they are not known, in which case `commit` must be called with `verified`. */
  readonly tensors: readonly ManifestTensor[] | null
}

/** @param ended called once: with true when the unit has its final name, with false when it was aborted */
export async function createUnitWriter(
  unit: UnitFile,
  ended: (committed: boolean) => Promise<void> | void,
  owner: PartialOwner = processOwner,
): Promise<UnitWriter> {
  // Packing starts a unit anew; an unfinished download of it has another folder and stays resumable.
  const partial = await claimPartial(`${unit.path}.packing`, owner, { adopt: false })
  const partialPath = join(partial.path, 'data')
  const handle = await openWhole(partialPath, unit.bytes).catch(async (error: unknown) => {
    await partial.discard()
    throw error
  })
  let state: 'open' | 'ended' = 'open'
  const abort = async (): Promise<void> => {
    if (state === 'ended') return
    state = 'ended'
    await handle.close()
    await partial.discard()
    await ended(false)
  }
  return {
    write: async (offset, bytes) => {
      if (state === 'ended') throw new Error(`${unit.path} was committed or aborted before`)
      checkRange(offset, bytes.byteLength, unit.bytes, unit.path)
      await writeFully(handle, bytes, offset)
    },
    commit: async ({ verified = false, signal } = {}) => {
      if (state === 'ended') throw new Error(`${unit.path} was committed or aborted before`)
      try {
        if (!verified) await verifyTensors(handle, unit, signal)
        await tellFullDisk(() => handle.sync())
      } catch (error) {
        await abort()
        throw error
      }
      state = 'ended'
      let committed = false
      try {
        await handle.close()
        await renameDurably(partialPath, unit.path)
        committed = true
      } finally {
        // Whatever happens, the unit may be written again.
        await partial.discard()
        await ended(committed)
      }
    },
    abort,
  }
}

/** A new file of full size, so that gaps between tensors read as zeros. */
async function openWhole(path: string, bytes: number): Promise<FileHandle> {
  const handle = await open(path, 'w+')
  try {
    await handle.truncate(bytes)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/**
 * Compares the hash of every tensor and checks that the gaps between them are zero, so that a unit's file has exactly one
 * valid content.
 * @throws {ModelError} `hash-mismatch` naming the first tensor whose bytes are not the manifest's
 */
export async function verifyTensors(handle: FileHandle, unit: UnitFile, signal?: AbortSignal): Promise<void> {
  const reader = handleReader(handle, unit.bytes, unit.path)
  let end = 0
  for (const tensor of unit.tensors ?? []) {
    const gap = await reader.read(end, tensor.offset - end, signal)
    if (gap.some((byte) => byte !== 0))
      throw new ModelError(
        'hash-mismatch',
        `the bytes before tensor ${tensor.name} in ${unit.path} are not zero`,
      )
    end = tensor.offset + tensor.bytes
    const found = await hashTensor(reader, tensor, signal)
    if (found !== tensor.sha256) {
      throw new ModelError(
        'hash-mismatch',
        `tensor ${tensor.name} in ${unit.path} hashes to ${found.slice(0, 16)}, but the manifest says ${tensor.sha256.slice(0, 16)}`,
      )
    }
  }
}

/** sha256 of a tensor's bytes in its unit's file. */
export async function hashTensor(
  reader: RangeReader,
  tensor: Pick<ManifestTensor, 'offset' | 'bytes'>,
  signal?: AbortSignal,
): Promise<string> {
  const hasher = createNodeHasher()
  for (let done = 0; done < tensor.bytes; done += verifyChunkBytes) {
    hasher.update(
      await reader.read(tensor.offset + done, Math.min(verifyChunkBytes, tensor.bytes - done), signal),
    )
  }
  return hasher.digest()
}
