import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelError } from '../../error.ts'
import { createNodeHasher } from '../../manifest/node-hasher.ts'
import type { IdentifiedManifest, ManifestAsset } from '../../manifest/manifest.ts'
import { isNoEntry } from '../../sources/file-reader.ts'

/** Bytes hashed at a time: the event loop runs between two pieces. */
const pieceBytes = 1024 * 1024

/**
 * Ranges of a packed folder's assets. Other peers ask for them piece by piece, so a file is hashed once for as long as it
 * is the same file (inode, size and time of change), and a piece costs its own bytes.
 */
export class VerifiedAssets {
  readonly #folder: string
  readonly #assets: ReadonlyMap<string, ManifestAsset>
  /** By name: which file was hashed last, and whether its bytes are the manifest's. */
  readonly #hashed = new Map<string, { readonly identity: string; readonly right: Promise<boolean> }>()

  constructor(folder: string, { manifest }: IdentifiedManifest) {
    this.#folder = folder
    this.#assets = new Map(manifest.assets.map((asset) => [asset.name, asset]))
  }

  /** @returns null while the asset is not here @throws {ModelError} `hash-mismatch` when the file was changed */
  async read(name: string, offset: number, length: number): Promise<Uint8Array | null> {
    const asset = this.#assets.get(name)
    if (asset === undefined) throw new ModelError('bad-request', `there is no asset '${name}'`)
    const path = join(this.#folder, 'assets', name)
    const file = await openIfThere(path)
    if (file === null) return null
    try {
      if (!(await this.#isRight(asset, file)))
        throw new ModelError('hash-mismatch', `${path} is not the ${name} of the manifest`)
      const bytes = new Uint8Array(Math.max(0, Math.min(length, asset.bytes - offset)))
      const { bytesRead } = await file.read(bytes, 0, bytes.byteLength, offset)
      return bytes.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  }

  /** Requests that come while the file is being hashed wait for the same result. */
  async #isRight(asset: ManifestAsset, file: FileHandle): Promise<boolean> {
    const { ino, size, mtimeMs, ctimeMs } = await file.stat()
    const identity = `${ino} ${size} ${mtimeMs} ${ctimeMs}`
    const known = this.#hashed.get(asset.name)
    if (known?.identity === identity) return known.right
    const right =
      size === asset.bytes ? hashOf(file, size).then((hash) => hash === asset.sha256) : Promise.resolve(false)
    this.#hashed.set(asset.name, { identity, right })
    // A file that could not be read is tried again.
    right.catch(() => this.#hashed.delete(asset.name))
    return right
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (isNoEntry(error)) return null
    throw error
  }
}

async function hashOf(file: FileHandle, size: number): Promise<string> {
  const hasher = createNodeHasher()
  const piece = new Uint8Array(Math.min(pieceBytes, size))
  for (let offset = 0; offset < size;) {
    const { bytesRead } = await file.read(piece, 0, piece.byteLength, offset)
    if (bytesRead === 0) break
    hasher.update(piece.subarray(0, bytesRead))
    offset += bytesRead
  }
  return hasher.digest()
}
