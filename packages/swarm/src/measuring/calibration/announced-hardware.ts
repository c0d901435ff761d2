import type { Announcement, MemberHardware } from '@shoal/membership'
import type { Holding } from '../../placement/holding.ts'

/**
 * What a node's record says it does: by itself what it has measured, as a leader what its group does, which routes are
 * made of, with its own beside it, which plans are made of.
 */
export interface SaidHardware {
  /** For the record, when this node measures itself (anew). */
  measured(hardware: MemberHardware): Announcement
  /** For the record, when this is what it serves from now on. */
  serving(holding: Holding | null): Announcement
  /** For the record, when the group's real steps are clearly quicker or slower than it says; null when not, or for no group. */
  together(decodeMicrosPerBlock: number): Announcement | null
}

/** Below this nothing is told anew: as for a node's own speed. */
const tellPermille = 150

/** @param predicted what the group of a holding does; null when its ranks are not known any more */
export function createSaidHardware(predicted: (holding: Holding) => MemberHardware | null): SaidHardware {
  let own: MemberHardware | null = null
  let leads: { readonly holding: Holding; readonly hardware: MemberHardware | null } | null = null

  const said = (): Announcement => {
    if (own === null) return { group: null }
    const group = leads?.holding.group
    if (group === undefined) return { hardware: own, group: null }
    return {
      hardware: leads?.hardware ?? own,
      group: { ranks: group.ranks, speeds: group.speeds, alone: own },
    }
  }
  return {
    measured(hardware) {
      own = hardware
      return said()
    },
    serving(holding) {
      leads = holding?.group === undefined ? null : { holding, hardware: predicted(holding) }
      return said()
    },
    together(decodeMicrosPerBlock) {
      const hardware = leads?.hardware ?? null
      if (leads === null || hardware === null) return null
      const before = hardware.decodeMicrosPerBlock
      if (Math.abs(decodeMicrosPerBlock - before) * 1000 <= tellPermille * before) return null
      leads = { ...leads, hardware: { ...hardware, decodeMicrosPerBlock } }
      return said()
    },
  }
}
