import type { Announcement, MemberHardware } from '@shoal/membership'
import type { Holding } from '../../placement/holding.ts'

/**
 * The hardware fields of a node's record. A node that serves alone announces what it has measured of itself. A leader
 * announces the speed of its group, from which routes are made, and beside it its own, from which plans are made.
 */
export interface AnnouncedHardware {
  /** The fields after this node has measured itself, for the first time or again. */
  measured(hardware: MemberHardware): Announcement
  /** The fields while this node serves `holding`. */
  serving(holding: Holding | null): Announcement
  /**
   * The fields after the group's real steps have been measured.
   * @returns null when the speed is close to the announced one, and when this node leads no group
   */
  groupMeasured(decodeMicrosPerBlock: number): Announcement | null
}

/** A group's speed is announced anew when it is off by more than this, like a node's own speed. */
const groupSpeedPermille = 150

/** @param predict the hardware of a holding's group; null when one of its ranks is not known any more */
export function createAnnouncedHardware(
  predict: (holding: Holding) => MemberHardware | null,
): AnnouncedHardware {
  let own: MemberHardware | null = null
  let led: { readonly holding: Holding; readonly hardware: MemberHardware | null } | null = null

  const fields = (): Announcement => {
    if (own === null) return { group: null }
    const group = led?.holding.group
    if (group === undefined) return { hardware: own, group: null }
    return {
      hardware: led?.hardware ?? own,
      group: { ranks: group.ranks, speeds: group.speeds, alone: own },
    }
  }
  return {
    measured(hardware) {
      own = hardware
      return fields()
    },
    serving(holding) {
      led = holding?.group === undefined ? null : { holding, hardware: predict(holding) }
      return fields()
    },
    groupMeasured(decodeMicrosPerBlock) {
      const hardware = led?.hardware ?? null
      if (led === null || hardware === null) return null
      const before = hardware.decodeMicrosPerBlock
      if (Math.abs(decodeMicrosPerBlock - before) * 1000 <= groupSpeedPermille * before) return null
      led = { ...led, hardware: { ...hardware, decodeMicrosPerBlock } }
      return fields()
    },
  }
}
