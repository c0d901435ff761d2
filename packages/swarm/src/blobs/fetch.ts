import { messageOf, ShoalError, timeLimit, type Clock } from '@shoal/host'
import { decodeManifest, type IdentifiedManifest, type ManifestTensor } from '@shoal/model'
import type { PackedFolder } from '@shoal/model/node'
import type { Transport } from '@shoal/network'
import { limits } from '@shoal/protocol'
import { pipe } from 'it-pipe'
import { swarmLimits } from '../limits.ts'
import { openBlobClient, readWholeBlob, type BlobClient } from './client.ts'

/** Where blobs come from: peers, asked in this order. */
export interface FetchSources {
  readonly transport: Transport
  readonly clock: Clock
  candidates(): readonly string[]
}

export interface FetchOptions {
  readonly signal?: AbortSignal
  onProgress?(doneBytes: number, totalBytes: number): void
}

/** A piece of one tensor, at its place in the unit's file. */
interface Piece {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** The swarm's manifest from one peer; its id is the hash of what came. */
export async function fetchManifest(transport: Transport, clock: Clock, peer: string, expectedId: string, signal: AbortSignal): Promise<IdentifiedManifest> {
  const client = await openBlobClient(transport, clock, peer, signal)
  try {
    const manifest = decodeManifest(await readWholeBlob(client, 'manifest', limits.maxManifestBytes))
    if (manifest.id !== expectedId) {
      throw new ShoalError('hash-mismatch', `${peer} says its manifest is ${expectedId.slice(0, 12)}, but sent ${manifest.id.slice(0, 12)}`)
    }
    return manifest
  } finally {
    await client.close()
  }
}

/** The manifest's assets that are not in the folder yet. */
export async function fetchAssets(sources: FetchSources, folder: PackedFolder, signal?: AbortSignal): Promise<void> {
  for (const asset of folder.manifest.manifest.assets) {
    if ((await folder.readAsset(asset.name)) !== null) continue
    await fromAnyPeer(sources, asset.name, signal, async (client) => {
      await folder.writeAsset(asset.name, await readWholeBlob(client, asset.sha256, limits.maxAssetBytes))
    })
  }
}

/**
 * Fetches whole units, only what a span needs; a peer that lacks, breaks off or corrupts a unit is passed over.
 * @throws {ShoalError} `not-found` with each source's reason when none could give a unit
 */
export async function fetchUnits(sources: FetchSources, folder: PackedFolder, units: readonly string[], options: FetchOptions = {}): Promise<void> {
  const tensorsOf = (unit: string): ManifestTensor[] => folder.manifest.manifest.tensors.filter((tensor) => tensor.name.startsWith(`${unit}.`))
  const totalBytes = units.flatMap(tensorsOf).reduce((sum, tensor) => sum + tensor.bytes, 0)
  let doneBytes = 0
  for (const unit of units) {
    const before = doneBytes
    await fromAnyPeer(sources, `unit ${unit}`, options.signal, async (client) => {
      doneBytes = before
      const writer = await folder.writer(unit)
      try {
        for (const tensor of tensorsOf(unit)) {
          await pipe(
            () => pieces(client, tensor, options.signal),
            (source) => sized(source, tensor, client.peer),
            async (source) => {
              for await (const piece of source) {
                await writer.write(piece.offset, piece.bytes)
                doneBytes += piece.bytes.byteLength
                options.onProgress?.(doneBytes, totalBytes)
              }
            },
          )
        }
        // Compares every tensor's sha256 with the manifest before the file gets its name.
        await writer.commit()
      } catch (error) {
        await writer.abort()
        throw error
      }
    })
  }
}

/** Reads ahead, so that a long round trip does not stand between pieces. */
async function* pieces(client: BlobClient, tensor: ManifestTensor, signal: AbortSignal | undefined): AsyncGenerator<Piece> {
  const ahead: { offset: number; answer: Promise<{ bytes: Uint8Array; total: number }> }[] = []
  let asked = 0
  try {
    while (asked < tensor.bytes || ahead.length > 0) {
      signal?.throwIfAborted()
      while (asked < tensor.bytes && ahead.length < swarmLimits.blobRequestsInFlight) {
        const length = Math.min(limits.blobChunkBytes, tensor.bytes - asked)
        ahead.push({ offset: asked, answer: client.read(tensor.sha256, asked, length) })
        asked += length
      }
      const { offset, answer } = ahead.shift()!
      yield { offset: tensor.offset + offset, bytes: (await answer).bytes }
    }
  } finally {
    // Answers that nobody waits for any more must not become unhandled rejections.
    for (const { answer } of ahead) answer.catch(() => undefined)
  }
}

/** Refuses pieces of another size than was asked for, before they are written. */
async function* sized(source: AsyncIterable<Piece>, tensor: ManifestTensor, peer: string): AsyncGenerator<Piece> {
  for await (const piece of source) {
    const expected = Math.min(limits.blobChunkBytes, tensor.offset + tensor.bytes - piece.offset)
    if (piece.bytes.byteLength !== expected) throw new ShoalError('bad-frame', `${peer} sent ${piece.bytes.byteLength} bytes of ${tensor.name} instead of ${expected}`)
    yield piece
  }
}

async function fromAnyPeer(sources: FetchSources, what: string, signal: AbortSignal | undefined, take: (client: BlobClient) => Promise<void>): Promise<void> {
  const reasons: string[] = []
  for (const peer of sources.candidates()) {
    signal?.throwIfAborted()
    try {
      const limit = timeLimit(sources.clock, swarmLimits.dialTimeoutMs, () => new ShoalError('deadline-passed', `${peer} cannot be reached`), signal)
      const client = await openBlobClient(sources.transport, sources.clock, peer, limit.signal).finally(() => limit.clear())
      try {
        await take(client)
        return
      } finally {
        await client.close()
      }
    } catch (error) {
      signal?.throwIfAborted()
      reasons.push(messageOf(error))
    }
  }
  throw new ShoalError('not-found', `no peer could give ${what}: ${reasons.length === 0 ? 'nobody is connected' : reasons.join('; ')}`)
}
