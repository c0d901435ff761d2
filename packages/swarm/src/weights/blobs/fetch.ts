import { messageOf, onAbort, reasonOf, ShoalError, timeLimit, type Clock } from '@shoal/host'
import { decodeManifest, ModelError, type IdentifiedManifest } from '@shoal/model'
import { isOwnDiskFault, type PackedFolder } from '@shoal/model/node'
import type { Transport } from '@shoal/network'
import { limits } from '@shoal/protocol'
import { swarmLimits } from '../../limits.ts'
import { openBlobClient, readWholeBlob, type BlobClient } from './client.ts'
import { blobLimits } from './limits.ts'
import { fetchUnit } from './fetching/fetch-unit.ts'
import type { FetchSources } from './fetching/source-pool.ts'

export interface FetchOptions {
  readonly signal?: AbortSignal
  onProgress?(doneBytes: number, totalBytes: number): void
}

/** The swarm's manifest from one peer; its id is the hash of what came. */
export async function fetchManifest(
  transport: Transport,
  clock: Clock,
  peer: string,
  expectedId: string,
  signal: AbortSignal,
): Promise<IdentifiedManifest> {
  const client = await openBlobClient(transport, clock, peer, signal)
  const limit = timeLimit(
    clock,
    blobLimits.wholeBlobTimeoutMs,
    () =>
      new ShoalError(
        'deadline-passed',
        `${peer} did not send its manifest within ${blobLimits.wholeBlobTimeoutMs} ms`,
      ),
    signal,
  )
  const stopListening = onAbort(limit.signal, () => client.abort(reasonOf(limit.signal)))
  try {
    const manifest = readManifest(await readWholeBlob(client, 'manifest', limits.maxManifestBytes), peer)
    if (manifest.id !== expectedId) {
      throw new ShoalError(
        'hash-mismatch',
        `${peer} says its manifest is ${expectedId.slice(0, 12)}, but sent ${manifest.id.slice(0, 12)}`,
      )
    }
    return manifest
  } finally {
    stopListening()
    limit.clear()
    await client.close()
  }
}

/**
 * A manifest that cannot be decoded is the fault of the peer that sent it, whatever its bytes make the decoder throw. A
 * model that this release cannot run is nobody's fault.
 */
function readManifest(bytes: Uint8Array, peer: string): IdentifiedManifest {
  try {
    return decodeManifest(bytes)
  } catch (cause) {
    const unsupported = cause instanceof ModelError && cause.code === 'unsupported-model'
    throw new ShoalError(
      unsupported ? 'unsupported-model' : 'bad-frame',
      `the manifest of ${peer} cannot be used: ${messageOf(cause)}`,
      { cause },
    )
  }
}

/** The manifest's assets that are not in the folder yet. */
export async function fetchAssets(
  sources: FetchSources,
  folder: PackedFolder,
  signal?: AbortSignal,
): Promise<void> {
  for (const asset of folder.manifest.manifest.assets) {
    if ((await folder.readAsset(asset.name)) !== null) continue
    await fromAnyPeer(sources, asset.name, signal, async (client) => {
      const bytes = await readWholeBlob(client, asset.sha256, limits.maxAssetBytes)
      sources.reputation.received(client.peer, bytes.byteLength)
      await folder.writeAsset(asset.name, bytes)
    })
  }
}

/**
 * Fetches whole units, only what a span needs, each from all peers that hold it. What an earlier try brought is not asked
 * for again, also when that try ended with its process.
 * @throws {ShoalError | ModelError} `not-found` with each source's reason when nobody could give a unit; `disk-full` before the first byte
 */
export async function fetchUnits(
  sources: FetchSources,
  folder: PackedFolder,
  units: readonly string[],
  options: FetchOptions = {},
): Promise<void> {
  const signal = options.signal ?? new AbortController().signal
  const { name, tensors } = folder.manifest.manifest
  const bytesOf = (unit: string): number =>
    tensors.reduce((sum, tensor) => (tensor.name.startsWith(`${unit}.`) ? sum + tensor.bytes : sum), 0)
  const totalBytes = units.reduce((sum, unit) => sum + bytesOf(unit), 0)
  let doneBytes = 0
  for (const unit of units) {
    const download = await folder.download(unit, limits.blobChunkBytes)
    try {
      const presentBytes = download.pieces.reduce(
        (sum, piece) => (download.written(piece) === null ? sum : sum + piece.bytes),
        0,
      )
      await folder.checkRoom(
        totalBytes - doneBytes - presentBytes,
        `fetching ${units.length} units of ${name}`,
      )
      const before = doneBytes
      await fetchUnit(sources, unit, download, {
        signal,
        onProgress: (bytes) => options.onProgress?.(before + bytes, totalBytes),
      })
      await download.commit(signal)
    } finally {
      // After `commit` nothing is left to keep.
      await download.suspend()
    }
    doneBytes += bytesOf(unit)
  }
}

async function fromAnyPeer(
  sources: FetchSources,
  what: string,
  signal: AbortSignal | undefined,
  take: (client: BlobClient) => Promise<void>,
): Promise<void> {
  const reasons: string[] = []
  for (const peer of sources.reputation.rankSources(sources.candidates())) {
    signal?.throwIfAborted()
    try {
      const limit = timeLimit(
        sources.clock,
        swarmLimits.dialTimeoutMs,
        () => new ShoalError('deadline-passed', `${peer} cannot be reached`),
        signal,
      )
      const client = await openBlobClient(sources.transport, sources.clock, peer, limit.signal).finally(() =>
        limit.clear(),
      )
      try {
        await take(client)
        return
      } finally {
        await client.close()
      }
    } catch (error) {
      signal?.throwIfAborted()
      // Other peers cannot help, and none of them is to blame.
      if (isOwnDiskFault(error)) throw error
      if (error instanceof ModelError && error.code === 'hash-mismatch')
        sources.reputation.saw(peer, 'wrong-weights')
      reasons.push(messageOf(error))
    }
  }
  throw new ShoalError(
    'not-found',
    `no peer could give ${what}: ${reasons.length === 0 ? 'nobody is connected' : reasons.join('; ')}`,
  )
}
