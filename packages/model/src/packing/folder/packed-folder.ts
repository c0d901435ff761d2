import { mkdir, open, readFile, rm, stat, type FileHandle } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { decodeManifest } from '../../manifest/decode-manifest.ts'
import { ModelError } from '../../error.ts'
import { sha256Hex } from '../../manifest/hasher.ts'
import { limits } from '../../limits.ts'
import type { IdentifiedManifest, ManifestAsset, UnitName } from '../../manifest/manifest.ts'
import { handleReader, isNoEntry } from '../../sources/model-folder.ts'
import { unitBytes, unitNames, unitOf } from '../packed-layout.ts'
import { checkDiskRoom } from './disk-room.ts'
import { processOwner, type PartialOwner } from './partial-folder.ts'
import { checkRange } from '../../sources/range-reader.ts'
import { createUnitDownload, type UnitDownload } from './unit-download.ts'
import { createUnitWriter, verifyTensors, type UnitFile, type UnitWriter } from './unit-writer.ts'
import { writeDurably } from './write-durably.ts'

/**
 * Packed tensors on disk: `manifest.cbor`, one `<unit>.bin` for every unit that is complete, assets under `assets/`.
 * A file with its final name has been written whole and its hashes have been compared.
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
  const units = unitFiles(folder, identified)
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const present = new Set<UnitName>()
  const refresh = async (names: Iterable<UnitName>): Promise<void> => {
    for (const unit of names)
      if (!present.has(unit) && (await fileSize(unitFile(unit).path)) === unitFile(unit).bytes)
        present.add(unit)
  }
  const writing = new Set<UnitName>()
  const handles = new Map<UnitName, Promise<FileHandle>>()
  const unitFile = (unit: UnitName): UnitFile => {
    const file = units.get(unit)
    if (file === undefined) throw new ModelError('bad-request', `${modelName} has no unit '${unit}'`)
    return file
  }
  const handleOf = (unit: UnitName): Promise<FileHandle> => {
    const file = unitFile(unit)
    if (!present.has(unit))
      throw new ModelError('not-found', `unit ${unit} of ${modelName} is not in ${folder}`)
    const handle = handles.get(unit) ?? open(file.path, 'r')
    handles.set(unit, handle)
    return handle
  }
  /** One writer of a unit at a time, whatever kind. */
  const writingOf = async <Writer>(
    unit: UnitName,
    start: (file: UnitFile, ended: (committed: boolean) => Promise<void>) => Promise<Writer>,
  ): Promise<Writer> => {
    const file = unitFile(unit)
    if (writing.has(unit))
      throw new ModelError('bad-request', `unit ${unit} of ${modelName} is being written already`)
    writing.add(unit)
    try {
      return await start(file, async (committed) => {
        writing.delete(unit)
        if (!committed) return
        // A reader of the replaced file must open the new one.
        await closeHandle(unit)
        present.add(unit)
      })
    } catch (error) {
      writing.delete(unit)
      throw error
    }
  }
  const closeHandle = async (unit: UnitName): Promise<void> => {
    const handle = handles.get(unit)
    handles.delete(unit)
    await (await handle)?.close()
  }
  await refresh(units.keys())
  return {
    path: folder,
    manifest: identified,
    unitPath: (unit) => unitFile(unit).path,
    hasUnit: (unit) => present.has(unit),
    complete: (units) => units.every((unit) => present.has(unit)),
    refresh,
    writer: (unit) => writingOf(unit, (file, ended) => createUnitWriter(file, ended, owner)),
    download: (unit, pieceBytes) =>
      writingOf(unit, (file, ended) => createUnitDownload(file, owner, pieceBytes, ended)),
    checkRoom: (bytes, what) => checkDiskRoom(folder, bytes, what),
    read: async (tensorName, offset, length, signal) => {
      const tensor = byName.get(tensorName)
      if (tensor === undefined)
        throw new ModelError('bad-request', `${modelName} has no packed tensor '${tensorName}'`)
      checkRange(offset, length, tensor.bytes, tensorName)
      const unit = unitOf(tensorName)
      return handleReader(await handleOf(unit), unitFile(unit).bytes, `${unit}.bin`).read(
        tensor.offset + offset,
        length,
        signal,
      )
    },
    verify: async (unit, signal) => verifyTensors(await handleOf(unit), unitFile(unit), signal),
    removeUnit: async (unit) => {
      present.delete(unit)
      await closeHandle(unit)
      await rm(unitFile(unit).path, { force: true })
    },
    readAsset: async (name) => readAsset(folder, assetOf(identified, name)),
    writeAsset: async (name, bytes) => {
      const asset = assetOf(identified, name)
      checkAsset(asset, bytes)
      await writeDurably(join(folder, 'assets', asset.name), bytes)
    },
    close: async () => {
      for (const unit of handles.keys()) await closeHandle(unit)
    },
  }
}

function unitFiles(folder: string, { manifest }: IdentifiedManifest): Map<UnitName, UnitFile> {
  const { config, profile } = manifest
  const tensorsOf = Map.groupBy(manifest.tensors, (tensor) => unitOf(tensor.name))
  return new Map(
    unitNames(config).map((unit) => [
      unit,
      {
        path: join(folder, `${unit}.bin`),
        bytes: unitBytes(config, profile, unit),
        tensors: tensorsOf.get(unit) ?? [],
      },
    ]),
  )
}

function assetOf({ manifest }: IdentifiedManifest, name: string): ManifestAsset {
  const asset = manifest.assets.find((one) => one.name === name)
  if (asset === undefined) throw new ModelError('bad-request', `${manifest.name} has no asset '${name}'`)
  return asset
}

async function readAsset(folder: string, asset: ManifestAsset): Promise<Uint8Array | null> {
  const path = join(folder, 'assets', asset.name)
  const size = await fileSize(path)
  if (size === null) return null
  if (size !== asset.bytes)
    throw new ModelError('hash-mismatch', `${path} has ${size} bytes, but the manifest says ${asset.bytes}`)
  const bytes = new Uint8Array(await readFile(path))
  checkAsset(asset, bytes)
  return bytes
}

function checkAsset(asset: ManifestAsset, bytes: Uint8Array): void {
  if (bytes.byteLength === asset.bytes && sha256Hex(bytes) === asset.sha256) return
  throw new ModelError(
    'hash-mismatch',
    `these ${bytes.byteLength} bytes are not the ${asset.name} of the manifest (${asset.bytes} bytes, sha256 ${asset.sha256.slice(0, 16)})`,
  )
}

/** Null when there is no such file. */
async function fileSize(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (isNoEntry(error)) return null
    throw error
  }
}
