import { createSerialQueue, ShoalError, type Clock } from '@shoal/host'
import { makeFolder } from '@shoal/host/node'
import {
  createTokenizer,
  formatProfile,
  unitOf,
  type IdentifiedManifest,
  type ModelConfig,
  type SamplingOptions,
  type Tokenizer,
} from '@shoal/model'
import { createPackedFolder, packIntoFolder, type PackedFolder } from '@shoal/model/node'
import type { Transport } from '@shoal/network'
import { fetchAssets, fetchUnits } from './blobs/fetch.ts'
import { whileNobodyHas } from './blobs/while-nobody-has.ts'
import type { PeerTransfer, Reputation } from '../trust/reputation.ts'
import type { BlobSource } from './blobs/serve.ts'
import type { LinkRates } from '../measuring/link-rates.ts'
import type { Progress } from '../types.ts'
import { packedPath, packProgress } from './local-manifest.ts'
import { thisProcess } from './partial-owner.ts'
import type { Reference } from './reference.ts'
import { readDefaultSampling } from '../generation/default-sampling.ts'

/** One manifest's bytes on this machine, and the ways to get those that are missing. */
export interface ModelStore {
  readonly manifest: IdentifiedManifest
  /** The packed folder's path: what a device maps. */
  readonly path: string
  /** From the local model where there is one, else from peers. @throws {ShoalError | ModelError} when nobody has them */
  ensureUnits(units: readonly string[], signal?: AbortSignal): Promise<void>
  tokenizer(signal?: AbortSignal): Promise<Tokenizer | null>
  defaultSampling(signal?: AbortSignal): Promise<SamplingOptions>
  /** What this peer can give to others. */
  readonly blobs: BlobSource
  /** What peers have given this one. */
  transfers(): PeerTransfer[]
  close(): Promise<void>
}

export interface StoreSources {
  readonly clock: Clock
  /** A local copy of the model. */
  readonly reference: Reference | null
  /** Peers to ask, best first; null without a network. */
  readonly peers: {
    readonly transport: Transport
    readonly rates: LinkRates
    readonly reputation: Reputation
    candidates(): readonly string[]
  } | null
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export async function openModelStore(
  dataFolder: string,
  manifest: IdentifiedManifest,
  sources: StoreSources,
  ready?: PackedFolder,
): Promise<ModelStore> {
  const path = packedPath(dataFolder, manifest.id)
  makeFolder(path)
  let folder = ready ?? (await createPackedFolder(path, manifest, thisProcess))
  const { reference, clock } = sources
  const peers = sources.peers === null ? null : { ...sources.peers, clock }
  // One at a time: two spans that need the same unit must not write the same file.
  const fetching = createSerialQueue()

  /** False when no peer has them and there is another place to look. */
  const fromPeers = async (missing: readonly string[], signal?: AbortSignal): Promise<boolean> => {
    if (peers === null) return false
    const fetch = (): Promise<void> =>
      fetchUnits(
        peers,
        folder,
        missing.filter((unit) => !folder.hasUnit(unit)),
        {
          ...(signal === undefined ? {} : { signal }),
          onProgress: (doneBytes, totalBytes) =>
            sources.onProgress?.({ activity: 'fetch', doneBytes, totalBytes }),
        },
      )
    try {
      // Who can get them elsewhere does not wait for a peer that may come.
      await (reference === null ? whileNobodyHas(clock, fetch, signal) : fetch())
      return true
    } catch (error) {
      if (reference !== null && error instanceof ShoalError && error.code === 'not-found') return false
      throw error
    }
  }

  const ensure = async (units: readonly string[], signal?: AbortSignal): Promise<void> => {
    // Another process on this data directory (a client beside a node) may have fetched them.
    await folder.refresh(units)
    const missing = units.filter((unit) => !folder.hasUnit(unit))
    if (missing.length === 0) return
    // A hub is the origin of last resort: peers are nearer, and their bytes are packed already.
    if (peers !== null && reference?.remote !== false && (await fromPeers(missing, signal))) return
    if (reference !== null) {
      const packed = await packIntoFolder(reference.source, manifest.manifest.profile, folder.path, {
        units: missing.filter((unit) => !folder.hasUnit(unit)),
        expected: manifest,
        owner: thisProcess,
        ...(signal === undefined ? {} : { signal }),
        onProgress: packProgress(reference, manifest.manifest.profile, missing, sources.onProgress),
      })
      const before = folder
      folder = packed
      await before.close()
      return
    }
    throw new ShoalError(
      'not-found',
      `the packed model ${manifest.manifest.name} lacks ${missing.join(', ')} and there is nobody to ask for them`,
    )
  }

  const assets = async (signal?: AbortSignal): Promise<Map<string, Uint8Array>> => {
    const found = new Map<string, Uint8Array>()
    for (const { name } of manifest.manifest.assets) {
      const bytes = reference?.source.assets.get(name)
      if (bytes !== undefined && (await folder.readAsset(name)) === null) await folder.writeAsset(name, bytes)
    }
    if (peers !== null) await whileNobodyHas(clock, () => fetchAssets(peers, folder, signal), signal)
    for (const { name } of manifest.manifest.assets) {
      const bytes = await folder.readAsset(name)
      if (bytes === null)
        throw new ShoalError(
          'not-found',
          `${name} of ${manifest.manifest.name} is not here and there is nobody to ask for it`,
        )
      found.set(name, bytes)
    }
    return found
  }

  return {
    manifest,
    path: folder.path,
    ensureUnits: (units, signal) => fetching.run(() => ensure(units, signal)),
    tokenizer: (signal) => fetching.run(async () => createTokenizer(await assets(signal))),
    defaultSampling: (signal) => fetching.run(async () => readDefaultSampling(await assets(signal))),
    blobs: folderBlobs(() => folder),
    transfers: () => peers?.reputation.transfers() ?? [],
    close: async () => {
      await folder.close()
      await reference?.source.close()
    },
  }
}

/** The verified contents of a packed folder, by hash. */
export function folderBlobs(current: () => PackedFolder): BlobSource {
  const { bytes, manifest } = current().manifest
  // Two tensors may have the same bytes (norms of an untrained model, all ones): whichever is here will do.
  const tensors = Map.groupBy(manifest.tensors, (tensor) => tensor.sha256)
  const held = (blob: string) => tensors.get(blob)?.find((tensor) => current().hasUnit(unitOf(tensor.name)))
  const assets = new Map(manifest.assets.map((asset) => [asset.sha256, asset]))
  return {
    size(blob) {
      if (blob === 'manifest') return bytes.byteLength
      return (tensors.has(blob) ? held(blob)?.bytes : assets.get(blob)?.bytes) ?? null
    },
    async read(blob, offset, length) {
      if (blob === 'manifest') return bytes.subarray(offset, offset + length)
      const tensor = held(blob)
      if (tensor !== undefined) return current().read(tensor.name, offset, length)
      const asset = assets.get(blob)
      const whole = asset === undefined ? null : await current().readAsset(asset.name)
      if (whole === null) throw new ShoalError('not-found', 'this peer does not hold that asset yet')
      return whole.subarray(offset, offset + length)
    },
  }
}

/**
 * A local copy of a model must be the swarm's. Configuration and assets are compared here, cheaply; weights are
 * compared tensor by tensor when they are packed.
 * @throws {ShoalError} `wrong-manifest` naming both
 */
export function checkReference(
  reference: Reference,
  manifest: IdentifiedManifest,
  ownId: string | null,
): void {
  const { config, name, profile } = manifest.manifest
  const own = reference.source
  if (ownId === null ? sameShape(own.config, config) : ownId === manifest.id) return
  const shape = (c: typeof config): string => `${c.family}, ${c.blockCount} blocks of ${c.hiddenSize}`
  const mine = ownId === null ? '' : `manifest ${ownId.slice(0, 12)}, `
  throw new ShoalError(
    'wrong-manifest',
    `--model ${reference.ref} is ${own.name} (${mine}${shape(own.config)}), but the swarm serves ${name} (manifest ${manifest.id.slice(0, 12)}, ${shape(config)}, weights ${formatProfile(profile)}): leave --model out to take the swarm's`,
  )
}

export function sameShape(one: ModelConfig, other: ModelConfig): boolean {
  return stableText(one) === stableText(other)
}

/** Equal for equal values whatever the order of keys. */
function stableText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
