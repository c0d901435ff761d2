import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CollectedSums } from '@shoal/runtime'
import { messageOf, silentLogger, type Logger } from '@shoal/host'
import { makeFolder, writeFileAtomically } from '@shoal/host/node'
import {
  formatProfile,
  manifestVersion,
  unitBytes,
  unitNames,
  type NumericProfile,
  type PackProgress,
} from '@shoal/model'
import {
  claimPartial,
  openPackedFolder,
  packIntoFolder,
  renameWhenFree,
  type PackedFolder,
} from '@shoal/model/node'
import type { Progress } from '../types.ts'
import { isPackedApart, packApart } from './apart/pack-apart.ts'
import { removeEarlierPackings } from './earlier-packings.ts'
import { thisProcess } from './partial-owner.ts'
import type { Reference } from './reference.ts'

export interface PackOptions {
  readonly dataFolder: string
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Measures the inputs of the matrices: called before calibrated weights are packed, which need these sums. */
  readonly calibrate?: () => Promise<CollectedSums>
  /** Told in a sentence when a packing of an earlier release is replaced. */
  readonly logger?: Logger | undefined
  readonly signal?: AbortSignal | undefined
  /** Whether a large model is packed in a process of its own: for nodes, which would hold what packing leaves until they end. */
  readonly apart?: boolean
}

/** Where a manifest's packed tensors live in a data directory. */
export function packedPath(dataFolder: string, manifestId: string): string {
  return join(dataFolder, 'models', manifestId)
}

/**
 * The whole model, packed in the data directory; packed once per state of its files and profile.
 * This is what creates a swarm: only a complete packing gives a manifest.
 */
export async function packReference(
  reference: Reference,
  profile: NumericProfile,
  options: PackOptions,
): Promise<PackedFolder> {
  const models = join(options.dataFolder, 'models')
  makeFolder(models)
  const model = `${reference.source.name.replaceAll(/[^\w.-]/g, '_').slice(0, 64)}.${reference.fingerprint.slice(0, 32)}`
  await removeEarlierPackings({ models, model, ref: reference.ref, logger: options.logger ?? silentLogger })
  // Units that another release has left behind must not be mixed with this one's, so its version is part of the name.
  const key = `${model}.v${manifestVersion}.${packingName(profile)}`
  const openKnown = async (): Promise<PackedFolder | null> => {
    const known = await readText(join(models, `${key}.id`))
    return known === null ? null : openComplete(packedPath(options.dataFolder, known))
  }
  const known = await openKnown()
  if (known !== null) return known
  if (options.apart === true && isPackedApart(reference, profile)) {
    await packApart(reference, profile, options)
    const packed = await openKnown()
    if (packed !== null) return packed
  }
  // The model is packed under another name first: a folder with a manifest's id holds that manifest's bytes and nothing
  // else. Units that an interrupted packing has completed are kept: from a hub they cost a download.
  const pending = await claimPartial(join(models, key), thisProcess, { adopt: true })
  try {
    const inputSums = profile.rounding === 'calibrated' ? await options.calibrate?.() : undefined
    const packed = await packIntoFolder(reference.source, profile, pending.path, {
      resume: true,
      ...(inputSums === undefined ? {} : { inputSums }),
      owner: thisProcess,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onProgress: packProgress(reference, profile, unitNames(reference.source.config), options.onProgress),
    })
    const { id } = packed.manifest
    await packed.close()
    const path = packedPath(options.dataFolder, id)
    // Another process may have been quicker, and may be using it.
    const ready = await openComplete(path)
    if (ready === null) {
      await rm(path, { recursive: true, force: true })
      await renameWhenFree(pending.path, path)
    } else {
      await ready.close()
      await pending.remove()
    }
    try {
      writeFileAtomically(join(models, `${key}.id`), id)
    } catch (error) {
      // Without this name the next start packs again, which costs time and nothing else.
      options.logger?.warn('not-kept', { what: 'packing', reason: messageOf(error) })
    }
    return await openPackedFolder(path, thisProcess)
  } finally {
    pending.release()
  }
}

/**
 * How calibrated weights are made, which only their packer can tell: one made otherwise is packed again. Packings of
 * before stay, because swarms whose manifest they are cannot get their weights from anywhere else.
 */
const calibrationVersion = 2

/** The part of a packing's name that its profile gives. */
export function packingName(profile: NumericProfile): string {
  const name = formatProfile(profile).replaceAll(':', '-')
  return profile.rounding === 'calibrated' ? `${name}.c${calibrationVersion}` : name
}

/** Packing counts source values; people read the bytes they become. */
export function packProgress(
  reference: Reference,
  profile: NumericProfile,
  units: readonly string[],
  report: ((progress: Progress) => void) | undefined,
): (progress: PackProgress) => void {
  const totalBytes = units.reduce((sum, unit) => sum + unitBytes(reference.source.config, profile, unit), 0)
  return ({ valuesDone, valuesTotal }) =>
    report?.({
      activity: reference.remote ? 'fetch' : 'pack',
      doneBytes: Math.round((totalBytes * valuesDone) / valuesTotal),
      totalBytes,
    })
}

async function openComplete(path: string): Promise<PackedFolder | null> {
  const text = await readText(join(path, 'manifest.cbor'))
  if (text === null) return null
  const folder = await openPackedFolder(path, thisProcess)
  if (folder.complete(unitNames(folder.manifest.manifest.config))) return folder
  await folder.close()
  return null
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
