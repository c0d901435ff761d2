import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelError } from '../../error.ts'
import type { IdentifiedManifest, UnitName } from '../../manifest/manifest.ts'
import { unitBytes, unitNames, unitOf } from '../packed-layout.ts'
import { fileSize } from './folder-assets.ts'
import type { UnitFile } from './unit-writer.ts'

/** The units of a packed folder: which are complete, and one open handle for each that is read. */
export interface UnitHandles {
  readonly names: readonly UnitName[]
  /** @throws {ModelError} `bad-request` for a unit that the model does not have */
  file(unit: UnitName): UnitFile
  isPresent(unit: UnitName): boolean
  /** Looks on the disk for units that have been completed since, here or by another process. */
  refresh(units: Iterable<UnitName>): Promise<void>
  /** @throws {ModelError} `not-found` while the unit is not here */
  open(unit: UnitName): Promise<FileHandle>
  close(unit: UnitName): Promise<void>
  /** The unit's file has been replaced: readers of the old one must open the new one. */
  replaced(unit: UnitName): Promise<void>
  /** The unit's file is about to be removed. */
  removed(unit: UnitName): Promise<void>
  closeAll(): Promise<void>
}

export function createUnitHandles(folder: string, { manifest }: IdentifiedManifest): UnitHandles {
  const { config, profile, name: modelName } = manifest
  const tensorsOf = Map.groupBy(manifest.tensors, (tensor) => unitOf(tensor.name))
  const files = new Map<UnitName, UnitFile>(
    unitNames(config).map((unit) => [
      unit,
      {
        path: join(folder, `${unit}.bin`),
        bytes: unitBytes(config, profile, unit),
        tensors: tensorsOf.get(unit) ?? [],
      },
    ]),
  )
  const present = new Set<UnitName>()
  const handles = new Map<UnitName, Promise<FileHandle>>()
  const file = (unit: UnitName): UnitFile => {
    const found = files.get(unit)
    if (found === undefined) throw new ModelError('bad-request', `${modelName} has no unit '${unit}'`)
    return found
  }
  const close = async (unit: UnitName): Promise<void> => {
    const handle = handles.get(unit)
    handles.delete(unit)
    await (await handle?.catch(() => undefined))?.close()
  }
  return {
    names: [...files.keys()],
    file,
    isPresent: (unit) => present.has(unit),
    async refresh(units) {
      for (const unit of units)
        if (!present.has(unit) && (await fileSize(file(unit).path)) === file(unit).bytes) present.add(unit)
    },
    async open(unit) {
      const { path } = file(unit)
      if (!present.has(unit))
        throw new ModelError('not-found', `unit ${unit} of ${modelName} is not in ${folder}`)
      const handle = handles.get(unit) ?? open(path, 'r')
      handles.set(unit, handle)
      // A failure that passes, such as too many open files, must not be remembered as this unit's.
      handle.catch(() => {
        if (handles.get(unit) === handle) handles.delete(unit)
      })
      return handle
    },
    close,
    async replaced(unit) {
      await close(unit)
      present.add(unit)
    },
    async removed(unit) {
      present.delete(unit)
      await close(unit)
    },
    async closeAll() {
      for (const unit of handles.keys()) await close(unit)
    },
  }
}
