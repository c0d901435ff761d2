import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelError } from '../../error.ts'
import { sha256Hex } from '../../manifest/hasher.ts'
import type { IdentifiedManifest, ManifestAsset } from '../../manifest/manifest.ts'
import { isNoEntry } from '../../sources/file-reader.ts'
import { writeDurably } from './disk/write-durably.ts'

/** @returns null while the asset is not here @throws {ModelError} `hash-mismatch` when the file was changed */
export async function readAsset(
  folder: string,
  manifest: IdentifiedManifest,
  name: string,
): Promise<Uint8Array | null> {
  const asset = assetOf(manifest, name)
  const path = join(folder, 'assets', asset.name)
  const size = await fileSize(path)
  if (size === null) return null
  if (size !== asset.bytes)
    throw new ModelError('hash-mismatch', `${path} has ${size} bytes, but the manifest says ${asset.bytes}`)
  const bytes = new Uint8Array(await readFile(path))
  checkAsset(asset, bytes)
  return bytes
}

/** @throws {ModelError} `hash-mismatch` unless these are the manifest's bytes */
export async function writeAsset(
  folder: string,
  manifest: IdentifiedManifest,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const asset = assetOf(manifest, name)
  checkAsset(asset, bytes)
  await writeDurably(join(folder, 'assets', asset.name), bytes)
}

function assetOf({ manifest }: IdentifiedManifest, name: string): ManifestAsset {
  const asset = manifest.assets.find((one) => one.name === name)
  if (asset === undefined) throw new ModelError('bad-request', `${manifest.name} has no asset '${name}'`)
  return asset
}

function checkAsset(asset: ManifestAsset, bytes: Uint8Array): void {
  if (bytes.byteLength === asset.bytes && sha256Hex(bytes) === asset.sha256) return
  throw new ModelError(
    'hash-mismatch',
    `these ${bytes.byteLength} bytes are not the ${asset.name} of the manifest (${asset.bytes} bytes, sha256 ${asset.sha256.slice(0, 16)})`,
  )
}

/** Null when there is no such file. */
export async function fileSize(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (isNoEntry(error)) return null
    throw error
  }
}
