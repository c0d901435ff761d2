import { mkdir, open, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { checkDiskRoom } from './disk/disk-room.ts'
import { ModelError } from '../../error.ts'
import { sha256Hex } from '../../manifest/hasher.ts'
import { buildManifest, identifyManifest } from '../../manifest/identify-manifest.ts'
import { show } from '../../json-fields.ts'
import type { IdentifiedManifest, ManifestTensor, UnitName } from '../../manifest/manifest.ts'
import type { ModelSource } from '../../sources/model-source.ts'
import { handleReader, isNoEntry } from '../../sources/file-reader.ts'
import { createNodeHasher } from '../../manifest/node-hasher.ts'
import { packTensors, type PackOptions, type PackProgress, type PackSink } from '../pack-tensors.ts'
import { packedSources, packedUnit, unitBytes, unitNames, unitOf } from '../packed-layout.ts'
import { createPackedFolder, type PackedFolder } from './packed-folder.ts'
import type { PartialOwner } from './partial-folder.ts'
import { formatProfile, type NumericProfile } from '../profile.ts'
import { createUnitWriter, hashTensor, type UnitWriter } from './unit-writer.ts'

export interface PackIntoFolderOptions {
  /** Units to pack, only with `expected`; all units by default. Units that the folder has are kept. */
  readonly units?: readonly UnitName[]
  /** The manifest that the packed tensors must match: that of a swarm. */
  readonly expected?: IdentifiedManifest
  /** Keeps the units that an interrupted packing of the same source has completed in this folder. Only without `expected`. */
  readonly resume?: boolean
  /** The process that packs, where several share the folder. */
  readonly owner?: PartialOwner
  readonly onProgress?: (progress: PackProgress) => void
  /** For the rounding `calibrated`: see `PackOptions`. */
  readonly inputSums?: PackOptions['inputSums']
  readonly signal?: AbortSignal
}

/**
 * Packs a model into a folder. Without `expected` the whole model is packed, and the manifest is written last, so that a
 * folder with a manifest is complete. With `expected` only the missing units among those asked for are packed, and the hash
 * of each tensor is compared.
 *
 * @returns the folder, to be closed by the caller
 * @throws {ModelError} `disk-full` before anything is written; `hash-mismatch` naming the tensor and both models
 */
export async function packIntoFolder(
  source: ModelSource,
  profile: NumericProfile,
  path: string,
  options: PackIntoFolderOptions = {},
): Promise<PackedFolder> {
  const { expected } = options
  if (expected !== undefined) return packMissing(source, profile, path, expected, options)
  if (options.units !== undefined)
    throw new ModelError('bad-request', 'only a whole model can be packed while its manifest is not known')
  const folder = resolve(path)
  await mkdir(folder, { recursive: true })
  const units = unitNames(source.config)
  const kept =
    options.resume === true
      ? await hashUnits(folder, source, profile, units, options.signal)
      : new Map<UnitName, ManifestTensor[]>()
  const missing = units.filter((unit) => !kept.has(unit))
  await checkDisk(folder, source, profile, missing)
  // An older manifest is removed first, because the units that it describes are about to change.
  await rm(join(folder, 'manifest.cbor'), { force: true })
  const fresh = await packUnits(
    source,
    profile,
    missing,
    afterKept(options, source, [...kept.keys()]),
    (unit) =>
      createUnitWriter(
        { path: join(folder, `${unit}.bin`), bytes: unitBytes(source.config, profile, unit), tensors: null },
        () => undefined,
        options.owner,
      ),
  )
  const perUnit = Map.groupBy(fresh, (tensor) => unitOf(tensor.name))
  const tensors = units.flatMap((unit) => kept.get(unit) ?? perUnit.get(unit) ?? [])
  const packed = await createPackedFolder(
    folder,
    identifyManifest(buildManifest(source, profile, tensors)),
    options.owner,
  )
  return closingOnError(packed, () => writeAssets(packed, source))
}

/** The tensors of complete units: a file gets its final name only after it was written and synced. */
async function hashUnits(
  folder: string,
  source: ModelSource,
  profile: NumericProfile,
  units: readonly UnitName[],
  signal?: AbortSignal,
): Promise<Map<UnitName, ManifestTensor[]>> {
  const kept = new Map<UnitName, ManifestTensor[]>()
  for (const unit of units) {
    const handle = await open(join(folder, `${unit}.bin`), 'r').catch((error: unknown) => {
      if (isNoEntry(error)) return null
      throw error
    })
    if (handle === null) continue
    try {
      const { size } = await handle.stat()
      if (size !== unitBytes(source.config, profile, unit)) continue
      const reader = handleReader(handle, size, `${unit}.bin`)
      const tensors: ManifestTensor[] = []
      for (const { name, type, shape, offset, bytes } of packedUnit(source.config, profile, unit)) {
        tensors.push({
          name,
          type,
          shape,
          offset,
          bytes,
          sha256: await hashTensor(reader, { offset, bytes }, signal),
        })
      }
      kept.set(unit, tensors)
    } finally {
      await handle.close()
    }
  }
  return kept
}

/** Progress that begins with the units that were kept. */
function afterKept(
  options: PackIntoFolderOptions,
  { config }: ModelSource,
  kept: readonly UnitName[],
): PackIntoFolderOptions {
  const { onProgress } = options
  if (onProgress === undefined) return options
  const valuesKept = kept
    .flatMap((unit) => packedSources(config, unit))
    .reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
  return {
    ...options,
    onProgress: ({ unit, valuesDone, valuesTotal }) =>
      onProgress({ unit, valuesDone: valuesKept + valuesDone, valuesTotal: valuesKept + valuesTotal }),
  }
}

async function packMissing(
  source: ModelSource,
  profile: NumericProfile,
  path: string,
  expected: IdentifiedManifest,
  options: PackIntoFolderOptions,
): Promise<PackedFolder> {
  checkSameModel(source, profile, expected)
  const packed = await createPackedFolder(path, expected, options.owner)
  return closingOnError(packed, async () => {
    const missing = (options.units ?? unitNames(source.config)).filter((unit) => !packed.hasUnit(unit))
    await checkDisk(packed.path, source, profile, missing)
    const hashes = new Map(expected.manifest.tensors.map((tensor) => [tensor.name, tensor.sha256]))
    await packUnits(
      source,
      profile,
      missing,
      options,
      (unit) => packed.writer(unit),
      (tensor) => {
        const wanted = hashes.get(tensor.name)
        if (wanted === tensor.sha256) return
        throw new ModelError(
          'hash-mismatch',
          `tensor ${tensor.name} of ${source.name} packs to ${tensor.sha256.slice(0, 16)}, but the manifest of ${expected.manifest.name} says ${wanted?.slice(0, 16)}: not the same model`,
        )
      },
    )
    await writeAssets(packed, source)
  })
}

/** Refuses different configs or profiles at once, instead of with a wrong hash after minutes of packing. */
function checkSameModel(source: ModelSource, profile: NumericProfile, expected: IdentifiedManifest): void {
  const { config, profile: wanted, name } = expected.manifest
  if (formatProfile(profile) !== formatProfile(wanted)) {
    throw new ModelError(
      'hash-mismatch',
      `the manifest of ${name} has profile ${formatProfile(wanted)}, not ${formatProfile(profile)}`,
    )
  }
  for (const [key, theirs] of Object.entries(config)) {
    const ours = Object.entries(source.config).find(([name]) => name === key)?.[1]
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
      throw new ModelError(
        'hash-mismatch',
        `${key} is ${show(ours)} in ${source.name}, but ${show(theirs)} in the manifest of ${name}: not the same model`,
      )
    }
  }
}

async function packUnits(
  source: ModelSource,
  profile: NumericProfile,
  units: readonly UnitName[],
  options: PackIntoFolderOptions,
  openWriter: (unit: UnitName) => Promise<UnitWriter>,
  check: (tensor: ManifestTensor) => void = () => undefined,
): Promise<ManifestTensor[]> {
  let current: { unit: UnitName; writer: UnitWriter } | undefined
  const sink: PackSink = {
    write: async (tensor, offset, bytes) => {
      current ??= { unit: tensor.unit, writer: await openWriter(tensor.unit) }
      await current.writer.write(tensor.offset + offset, bytes)
    },
    endUnit: async (_unit, tensors) => {
      for (const tensor of tensors) check(tensor)
      await current?.writer.commit({ verified: true })
      current = undefined
    },
  }
  const { onProgress, signal, inputSums } = options
  try {
    return await packTensors(source, profile, units, sink, {
      createHasher: createNodeHasher,
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(signal === undefined ? {} : { signal }),
      ...(inputSums === undefined ? {} : { inputSums }),
    })
  } catch (error) {
    await current?.writer.abort()
    throw error
  }
}

/** Writes the assets that the manifest names and the source has. One that differs (an edited template, say) must come from a peer. */
async function writeAssets(packed: PackedFolder, source: ModelSource): Promise<void> {
  for (const { name, sha256 } of packed.manifest.manifest.assets) {
    const bytes = source.assets.get(name)
    if (bytes !== undefined && sha256Hex(bytes) === sha256) await packed.writeAsset(name, bytes)
  }
}

function checkDisk(
  folder: string,
  source: ModelSource,
  profile: NumericProfile,
  units: readonly UnitName[],
): Promise<void> {
  const needed = units.reduce((sum, unit) => sum + unitBytes(source.config, profile, unit), 0)
  return checkDiskRoom(folder, needed, `packing ${source.name} as ${formatProfile(profile)}`)
}

async function closingOnError(packed: PackedFolder, action: () => Promise<void>): Promise<PackedFolder> {
  try {
    await action()
    return packed
  } catch (error) {
    await packed.close()
    throw error
  }
}
