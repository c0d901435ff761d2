import type { SnapshotMember } from '@shoal/membership'
import type { BlockRange } from '@shoal/model'

/** The other peers of a leader's group, and how the group shares its blocks. */
export interface GroupOf {
  /** Peer ids of ranks 1 and up. */
  readonly ranks: readonly string[]
  /** Relative speeds of all ranks, the leader's first: whole numbers, of which only the ratios count. */
  readonly speeds: readonly number[]
}

export interface NamedGroup extends GroupOf {
  readonly leader: string
}

/**
 * Thousandths of each block that ranks of these speeds compute; null when the model cannot be split so (`rankPermille` of
 * `@shoal/model`).
 */
export type SharesOf = (speeds: readonly number[]) => readonly number[] | null

/** The groups of a plan. Each of them is planned as one node at its leader's place. */
export interface Grouping {
  readonly groups: readonly NamedGroup[]
  readonly shares: SharesOf
  /** Spans of the groups that serve now, by leader. */
  readonly served: ReadonlyMap<string, BlockRange>
}

export const noGroups: Grouping = { groups: [], shares: () => null, served: new Map() }

/**
 * Number that stands for the speed of a group's fastest rank. A rank with less than a sixteenth of that speed is not
 * worth its sums, and on so coarse a scale small changes of the measurements change no speed.
 */
const fullSpeed = 16

/** Small whole numbers in the proportions of the speeds of these ranks, given their times per block. */
export function speedsOf(blockMicros: readonly number[]): readonly number[] {
  const fastest = Math.min(...blockMicros)
  return blockMicros.map((micros) => Math.max(1, Math.round((fullSpeed * fastest) / micros)))
}

/**
 * Whether these members may be one group: all of them take part in groups, each is on a machine of its own (the cores of
 * a shared machine would be counted twice), and each has a numeric class.
 */
export function mayGroup(members: readonly SnapshotMember[]): boolean {
  const machines = members.map(({ machine }) => machine)
  return (
    !machines.includes(undefined) &&
    new Set(machines).size === machines.length &&
    members.every(({ numericClass }) => numericClass !== 'none')
  )
}
