import type { Announcement, MemberHardware } from '@shoal/membership'
import type { Holding } from './holding.ts'

/**
 * What a node's record says it does: by itself what it has measured, as a leader what its group is predicted to do, with
 * its own beside it, which plans are made of.
 */
export interface SaidHardware {
  /** For the record, when this node measures itself (anew). */
  measured(hardware: MemberHardware): Announcement
  /** For the record, when this is what it serves from now on. */
  serving(holding: Holding | null): Announcement
}

/** @param together what the group of a holding does; null when its ranks are not known any more */
export function createSaidHardware(together: (holding: Holding) => MemberHardware | null): SaidHardware {
  let own: MemberHardware | null = null
  let leads: { readonly holding: Holding; readonly hardware: MemberHardware | null } | null = null

  const said = (): Announcement => {
    if (own === null) return { group: null }
    const group = leads?.holding.group
    if (group === undefined) return { hardware: own, group: null }
    return { hardware: leads?.hardware ?? own, group: { ranks: group.ranks, speeds: group.speeds, alone: own } }
  }
  return {
    measured(hardware) {
      own = hardware
      return said()
    },
    serving(holding) {
      leads = holding?.group === undefined ? null : { holding, hardware: together(holding) }
      return said()
    },
  }
}
