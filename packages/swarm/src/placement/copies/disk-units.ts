import { memberLimits, type MemberDisk } from '@shoal/membership'
import { unitBytes, unitNames, type BlockRange, type IdentifiedManifest } from '@shoal/model'
import type { ModelStore } from '../../weights/model-store.ts'
import { swarmLimits } from '../../limits.ts'
import { rangesOf } from './plan-copies.ts'

/** The units of a model on this node's disk. */
export interface DiskUnits {
  /** The places of the model: the embedding, each block with its experts, the head. */
  readonly names: readonly string[]
  /** Bytes of each place. */
  readonly bytes: readonly number[]
  /** Units of a place that are not on the disk. */
  missing(place: string): readonly string[]
  /** A unit that was on the disk when the node started, so that its hash has yet to be compared. */
  unchecked(): string | undefined
  /** @returns false when its bytes were wrong, and it was removed */
  check(unit: string, signal: AbortSignal): Promise<boolean>
  /**
   * What this node announces: units whose hashes have been compared, by this process, and room for more.
   * @param served blocks that the node serves, which are no copies
   */
  record(freeBytes: number, limitBytes: number, served: BlockRange | null): MemberDisk
}

export function createDiskUnits(
  { manifest }: IdentifiedManifest,
  store: Pick<ModelStore, 'hasUnit' | 'checkUnit'>,
): DiskUnits {
  const { config, profile } = manifest
  const units = Map.groupBy(unitNames(config), placeOf)
  const names = [...units.keys()]
  const unitsAt = (place: string): readonly string[] => units.get(place) ?? []
  const bytes = names.map((place) =>
    unitsAt(place).reduce((sum, unit) => sum + unitBytes(config, profile, unit), 0),
  )
  const missing = (place: string): readonly string[] => unitsAt(place).filter((unit) => !store.hasUnit(unit))
  const unchecked = new Set(unitNames(config).filter((unit) => store.hasUnit(unit)))
  return {
    names,
    bytes,
    missing,
    unchecked: () => unchecked.values().next().value,
    async check(unit, signal) {
      const right = await store.checkUnit(unit, signal)
      unchecked.delete(unit)
      return right
    },
    record(freeBytes, limitBytes, served) {
      const present = names.flatMap((name, place) => (missing(name).length === 0 ? [place] : []))
      const copies = present.filter(
        (place) => served === null || place - 1 < served.start || place - 1 >= served.end,
      )
      const copiedBytes = copies.reduce((sum, place) => sum + bytes[place]!, 0)
      const checked = present.filter((place) => !unitsAt(names[place]!).some((unit) => unchecked.has(unit)))
      return {
        units: rangesOf(checked, memberLimits.maxDiskRanges),
        spareBytes: spareBytes(freeBytes, limitBytes - copiedBytes),
      }
    },
  }
}

/** The place of a unit: that of its block, for an expert. */
function placeOf(unit: string): string {
  return unit.replace(/-expert-\d+$/, '')
}

/** Half of the free disk beyond a reserve, at most `limitBytes`, as a power of two: a figure that changes seldom. */
export function spareBytes(freeBytes: number, limitBytes = Number.POSITIVE_INFINITY): number {
  const offered = Math.min((freeBytes - swarmLimits.diskReserveBytes) / 2, limitBytes)
  return offered < 1 ? 0 : 2 ** Math.floor(Math.log2(offered))
}
