import { ShoalError, silentLogger, type Clock, type Logger } from '@shoal/host'
import { makeFolder } from '@shoal/host/node'
import {
  ModelError,
  unitNames,
  type IdentifiedManifest,
  type SamplingOptions,
  type Tokenizer,
} from '@shoal/model'
import { createPackedFolder, packIntoFolder, type PackedFolder } from '@shoal/model/node'
import type { Transport } from '@shoal/network'
import { fetchAssets, fetchUnits } from './blobs/fetch.ts'
import { retryWhileNobodyHas } from './blobs/retry-while-nobody-has.ts'
import type { PeerTransfer, Reputation } from '../trust/reputation.ts'
import type { FetchSources } from './blobs/fetching/source-pool.ts'
import type { BlobSource } from './blobs/serve.ts'
import { openIsolatedTokenizer, type IsolatedTokenizer } from './tokenizer/isolated-tokenizer.ts'
import { createFetchTurns } from './store/fetch-turns.ts'
import { folderBlobs } from './store/folder-blobs.ts'
import type { LinkRates } from '../measuring/link-rates.ts'
import type { Progress } from '../types.ts'
import { packedPath, packProgress } from './local-manifest.ts'
import { thisProcess } from './partial-owner.ts'
import type { Reference } from './reference.ts'
import { readDefaultSampling } from './default-sampling.ts'

/** One manifest's bytes on this machine, and the ways to get those that are missing. */
export interface ModelStore {
  readonly manifest: IdentifiedManifest
  /** The packed folder's path: what a device maps. */
  readonly path: string
  /** From a local copy where there is one, else from peers, and from a hub last. @throws {ShoalError | ModelError} when nobody has them */
  ensureUnits(units: readonly string[], signal?: AbortSignal): Promise<void>
  /**
   * Fetches one unit, and the files beside the weights, while nobody waits for other weights.
   * @throws {ShoalError | ModelError} `cancelled` when somebody does; `disk-full`; `not-found` when nobody has it
   */
  copyUnit(unit: string, signal: AbortSignal): Promise<void>
  /**
   * Hashes a unit that was on the disk before this process, and removes it when its bytes are not the manifest's. What
   * this process has written was compared then.
   * @returns false when it was removed
   */
  checkUnit(unit: string, signal: AbortSignal): Promise<boolean>
  /** Whether the folder has the unit's file. */
  hasUnit(unit: string): boolean
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
  readonly logger?: Logger
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

/** @param ready the packed folder, where it is open already; the store closes it */
export async function openModelStore(
  dataFolder: string,
  manifest: IdentifiedManifest,
  sources: StoreSources,
  ready?: PackedFolder,
): Promise<ModelStore> {
  const path = packedPath(dataFolder, manifest.id)
  makeFolder(path)
  return new FolderStore(ready ?? (await createPackedFolder(path, manifest, thisProcess)), sources)
}

class FolderStore implements ModelStore {
  readonly manifest: IdentifiedManifest
  readonly path: string
  readonly blobs: BlobSource
  readonly #sources: StoreSources
  readonly #peers: FetchSources | null
  /** Two spans that need the same unit must not write the same file at once. */
  readonly #turns = createFetchTurns()
  /** Units of earlier processes, whose hashes this one has not compared. */
  readonly #unchecked: Set<string>
  /** Opened at first use. */
  #tokenizer: Promise<IsolatedTokenizer | null> | null = null
  /** Replaced when units have been packed into it. */
  #folder: PackedFolder

  constructor(folder: PackedFolder, sources: StoreSources) {
    const { peers, clock } = sources
    this.manifest = folder.manifest
    this.path = folder.path
    this.#folder = folder
    this.blobs = folderBlobs(() => this.#folder)
    this.#unchecked = new Set(
      unitNames(folder.manifest.manifest.config).filter((unit) => folder.hasUnit(unit)),
    )
    this.#sources = sources
    this.#peers = peers === null ? null : { ...peers, clock }
  }

  ensureUnits(units: readonly string[], signal?: AbortSignal): Promise<void> {
    return this.#turns.urgent(() => this.#ensure(units, signal, this.#sources.onProgress))
  }

  copyUnit(unit: string, signal: AbortSignal): Promise<void> {
    return this.#turns.background(async (interrupted) => {
      await this.#assets(interrupted)
      await this.#ensure([unit], interrupted)
    }, signal)
  }

  hasUnit(unit: string): boolean {
    return this.#folder.hasUnit(unit)
  }

  checkUnit(unit: string, signal: AbortSignal): Promise<boolean> {
    return this.#turns.background(async (interrupted) => {
      if (!this.#unchecked.has(unit)) return true
      let right = true
      try {
        await this.#folder.verify(unit, interrupted)
      } catch (error) {
        if (!(error instanceof ModelError) || error.code !== 'hash-mismatch') throw error
        right = false
        await this.#folder.removeUnit(unit)
      }
      this.#unchecked.delete(unit)
      return right
    }, signal)
  }

  tokenizer(signal?: AbortSignal): Promise<Tokenizer | null> {
    return this.#turns.urgent(async () => {
      const assets = await this.#assets(signal)
      this.#tokenizer ??= openIsolatedTokenizer(
        { clock: this.#sources.clock, logger: this.#sources.logger ?? silentLogger },
        assets,
        this.manifest.manifest.config.contextLength,
      ).catch((error: unknown) => {
        // The next call tries again.
        this.#tokenizer = null
        throw error
      })
      return this.#tokenizer
    })
  }

  defaultSampling(signal?: AbortSignal): Promise<SamplingOptions> {
    return this.#turns.urgent(async () => readDefaultSampling(await this.#assets(signal)))
  }

  transfers(): PeerTransfer[] {
    return this.#peers?.reputation.transfers() ?? []
  }

  async close(): Promise<void> {
    // A failure to open was reported to the caller that asked for the tokenizer.
    const tokenizer = await this.#tokenizer?.catch(() => null)
    await tokenizer?.close()
    await this.#folder.close()
    await this.#sources.reference?.source.close()
  }

  /** @param onProgress absent for work in the background */
  async #ensure(
    units: readonly string[],
    signal: AbortSignal | undefined,
    onProgress?: (progress: Progress) => void,
  ): Promise<void> {
    // Another process on this data directory (a client beside a node) may have fetched them.
    await this.#folder.refresh(units)
    if (this.#missing(units).length === 0) return
    const reference = this.#origin()
    // A hub is the origin of last resort: peers are nearer, and their bytes are packed already.
    if (reference?.remote !== false && (await this.#fetchFromPeers(units, signal, onProgress))) return
    if (reference === null)
      throw new ShoalError(
        'not-found',
        `the packed model ${this.manifest.manifest.name} lacks ${this.#missing(units).join(', ')} and there is nobody to ask for them`,
      )
    await this.#packFrom(reference, units, signal, onProgress)
  }

  /** What missing units can be packed from. Calibrated ones are those of one packer, and come from peers only. */
  #origin(): Reference | null {
    return this.manifest.manifest.profile.rounding === 'calibrated' ? null : this.#sources.reference
  }

  #missing(units: readonly string[]): string[] {
    return units.filter((unit) => !this.#folder.hasUnit(unit))
  }

  /** @returns false when no peer has them and there is another place to look */
  async #fetchFromPeers(
    units: readonly string[],
    signal: AbortSignal | undefined,
    onProgress: ((progress: Progress) => void) | undefined,
  ): Promise<boolean> {
    const peers = this.#peers
    const { clock } = this.#sources
    const reference = this.#origin()
    if (peers === null) return false
    const fetch = (): Promise<void> =>
      fetchUnits(peers, this.#folder, this.#missing(units), {
        ...(signal === undefined ? {} : { signal }),
        onProgress: (doneBytes, totalBytes) => onProgress?.({ activity: 'fetch', doneBytes, totalBytes }),
      })
    try {
      // With another place to look, there is no need to wait for a peer that may come.
      await (reference === null ? retryWhileNobodyHas(clock, fetch, signal) : fetch())
      return true
    } catch (error) {
      if (reference !== null && error instanceof ShoalError && error.code === 'not-found') return false
      throw error
    }
  }

  async #packFrom(
    reference: Reference,
    units: readonly string[],
    signal: AbortSignal | undefined,
    onProgress: ((progress: Progress) => void) | undefined,
  ): Promise<void> {
    const { profile } = this.manifest.manifest
    const missing = this.#missing(units)
    const packed = await packIntoFolder(reference.source, profile, this.path, {
      units: missing,
      expected: this.manifest,
      owner: thisProcess,
      ...(signal === undefined ? {} : { signal }),
      onProgress: packProgress(reference, profile, missing, onProgress),
    })
    const before = this.#folder
    this.#folder = packed
    await before.close()
  }

  async #assets(signal: AbortSignal | undefined): Promise<Map<string, Uint8Array>> {
    const { reference, clock } = this.#sources
    const { assets, name: model } = this.manifest.manifest
    const peers = this.#peers
    for (const { name } of assets) {
      const bytes = reference?.source.assets.get(name)
      if (bytes !== undefined && (await this.#folder.readAsset(name)) === null)
        await this.#folder.writeAsset(name, bytes)
    }
    if (peers !== null)
      await retryWhileNobodyHas(clock, () => fetchAssets(peers, this.#folder, signal), signal)
    const found = new Map<string, Uint8Array>()
    for (const { name } of assets) {
      const bytes = await this.#folder.readAsset(name)
      if (bytes === null)
        throw new ShoalError('not-found', `${name} of ${model} is not here and there is nobody to ask for it`)
      found.set(name, bytes)
    }
    return found
  }
}
