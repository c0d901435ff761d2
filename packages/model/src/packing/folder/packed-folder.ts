import { mkdir, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ModelError } from '../../error.ts'
import { limits } from '../../limits.ts'
import { decodeManifest } from '../../manifest/decode-manifest.ts'
import type { IdentifiedManifest, UnitName } from '../../manifest/manifest.ts'
import { handleReader } from '../../sources/file-reader.ts'
import { checkRange } from '../../sources/range-reader.ts'
import { unitOf } from '../packed-layout.ts'
import { checkDiskRoom } from './disk/disk-room.ts'
import { tellFullDisk } from './disk/full-disk.ts'
import { createUnitDownload, type UnitDownload } from './download/unit-download.ts'
import { fileSize, readAsset, writeAsset } from './folder-assets.ts'
import { processOwner, type PartialOwner } from './partial-folder.ts'
import { createUnitHandles, type UnitHandles } from './unit-handles.ts'
import { createUnitWriter, verifyTensors, type UnitFile, type UnitWriter } from './unit-writer.ts'
import { VerifiedAssets } from './verified-assets.ts'
import { writeDurably } from './disk/write-durably.ts'

/**
 * Packed tensors on disk: `manifest.cbor`, one `<unit>.bin` for every unit that is complete, assets under `assets/`. A file
 * gets its final name once it has been written whole and its hashes have been compared.
 */
export interface PackedFolder {
  readonly path: string
  readonly manifest: IdentifiedManifest
  /** The file that the runtime maps: `<path>/<unit>.bin`. */
  unitPath(unit: UnitName): string
  hasUnit(unit: UnitName): boolean
  complete(units: readonly UnitName[]): boolean
  /** Looks on the disk for units that another process has completed since. */
  refresh(units: readonly UnitName[]): Promise<void>
  /**
   * Starts a unit from nothing.
   * @throws {ModelError} `bad-request` while another writer of it is open
   */
  writer(unit: UnitName): Promise<UnitWriter>
  /**
   * Begins a unit, or goes on where an earlier download of it ended, however it ended.
   * @throws {ModelError} `bad-request` while another writer of it is open
   */
  download(unit: UnitName, pieceBytes: number): Promise<UnitDownload>
  /** @throws {ModelError} `disk-full` when so many bytes more have no room on the disk; `what` needs them */
  checkRoom(bytes: number, what: string): Promise<void>
  /**
   * Bytes `[offset, offset + length)` of a packed tensor.
   * @throws {ModelError} `not-found` when its unit is not here, `bad-model` when the range leaves the tensor
   */
  read(tensorName: string, offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>
  /** Hashes the whole unit. @throws {ModelError} `hash-mismatch` naming the tensor */
  verify(unit: UnitName, signal?: AbortSignal): Promise<void>
  removeUnit(unit: UnitName): Promise<void>
  /** Null while that asset is not here. @throws {ModelError} `hash-mismatch` when the file was changed */
  readAsset(name: string): Promise<Uint8Array | null>
  /**
   * Bytes `[offset, offset + length)` of an asset. The file is hashed once, and again only when it has changed.
   * @returns null while that asset is not here @throws {ModelError} `hash-mismatch` when the file was changed
   */
  readAssetRange(name: string, offset: number, length: number): Promise<Uint8Array | null>
  /** @throws {ModelError} `hash-mismatch` unless these are the manifest's bytes */
  writeAsset(name: string, bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the folder, or makes it, for this manifest.
 * @throws {ModelError} `hash-mismatch` when the folder belongs to another manifest
 */
export async function createPackedFolder(
  path: string,
  manifest: IdentifiedManifest,
  owner: PartialOwner = processOwner,
): Promise<PackedFolder> {
  const folder = resolve(path)
  await mkdir(join(folder, 'assets'), { recursive: true })
  const existing = await readManifest(folder)
  if (existing !== null && existing.id !== manifest.id) {
    throw new ModelError(
      'hash-mismatch',
      `${path} holds ${existing.manifest.name} (manifest ${existing.id.slice(0, 16)}), not ${manifest.manifest.name} (manifest ${manifest.id.slice(0, 16)})`,
    )
  }
  if (existing === null) await writeDurably(join(folder, 'manifest.cbor'), manifest.bytes)
  return openUnits(folder, manifest, owner)
}

/** Opens a folder by the manifest in it. @throws {ModelError} `not-found` when it has none */
export async function openPackedFolder(
  path: string,
  owner: PartialOwner = processOwner,
): Promise<PackedFolder> {
  const folder = resolve(path)
  const manifest = await readManifest(folder)
  if (manifest === null)
    throw new ModelError(
      'not-found',
      `${path} has no manifest.cbor: no packed model, or its packing was interrupted`,
    )
  return openUnits(folder, manifest, owner)
}

async function readManifest(folder: string): Promise<IdentifiedManifest | null> {
  const path = join(folder, 'manifest.cbor')
  const size = await fileSize(path)
  if (size === null) return null
  if (size > limits.manifestBytesMax)
    throw new ModelError('limit-exceeded', `${path} has ${size} bytes, more than a manifest may have`)
  return decodeManifest(new Uint8Array(await readFile(path)))
}

async function openUnits(
  folder: string,
  identified: IdentifiedManifest,
  owner: PartialOwner,
): Promise<PackedFolder> {
  const { name: modelName, tensors } = identified.manifest
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const units = createUnitHandles(folder, identified)
  const assets = new VerifiedAssets(folder, identified)
  const writing = oneWriterAtATime(units, modelName)
  await units.refresh(units.names)
  return {
    path: folder,
    manifest: identified,
    unitPath: (unit) => units.file(unit).path,
    hasUnit: (unit) => units.isPresent(unit),
    complete: (wanted) => wanted.every((unit) => units.isPresent(unit)),
    refresh: (wanted) => units.refresh(wanted),
    writer: (unit) => writing(unit, (file, ended) => createUnitWriter(file, ended, owner)),
    download: (unit, pieceBytes) =>
      writing(unit, (file, ended) => createUnitDownload(file, owner, pieceBytes, ended)),
    checkRoom: (bytes, what) => checkDiskRoom(folder, bytes, what),
    read: async (tensorName, offset, length, signal) => {
      const tensor = byName.get(tensorName)
      if (tensor === undefined)
        throw new ModelError('bad-request', `${modelName} has no packed tensor '${tensorName}'`)
      checkRange(offset, length, tensor.bytes, tensorName)
      const unit = unitOf(tensorName)
      const reader = handleReader(await units.open(unit), units.file(unit).bytes, `${unit}.bin`)
      return reader.read(tensor.offset + offset, length, signal)
    },
    verify: async (unit, signal) => verifyTensors(await units.open(unit), units.file(unit), signal),
    removeUnit: async (unit) => {
      await units.removed(unit)
      await rm(units.file(unit).path, { force: true })
    },
    readAsset: (name) => readAsset(folder, identified, name),
    readAssetRange: (name, offset, length) => assets.read(name, offset, length),
    writeAsset: (name, bytes) => writeAsset(folder, identified, name, bytes),
    close: () => units.closeAll(),
  }
}

type StartWriter<Writer> = (file: UnitFile, ended: (committed: boolean) => Promise<void>) => Promise<Writer>

/** Starts writers of units, of any kind, one at a time for each unit. */
function oneWriterAtATime(
  units: UnitHandles,
  modelName: string,
): <Writer>(unit: UnitName, start: StartWriter<Writer>) => Promise<Writer> {
  const writing = new Set<UnitName>()
  return async (unit, start) => {
    const file = units.file(unit)
    if (writing.has(unit))
      throw new ModelError('bad-request', `unit ${unit} of ${modelName} is being written already`)
    writing.add(unit)
    try {
      return await tellFullDisk(() =>
        start(file, async (committed) => {
          writing.delete(unit)
          if (committed) await units.replaced(unit)
        }),
      )
    } catch (error) {
      writing.delete(unit)
      throw error
    }
  }
}
