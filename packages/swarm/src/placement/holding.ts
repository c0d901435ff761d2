import type { BlockRange } from '@shoal/model'
import type { GroupOf } from '@shoal/planner'

/** Blocks that a node holds or is to hold, alone or as the leader of a group. */
export interface Holding extends BlockRange {
  readonly group?: GroupOf
}

export function sameHolding(a: Holding, b: Holding): boolean {
  return a.start === b.start && a.end === b.end && sameGroup(a.group, b.group)
}

/** Whether two groups have the same ranks in the same order and the same split; two absent groups are the same. */
export function sameGroup(a: GroupOf | undefined, b: GroupOf | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return sameList(a.ranks, b.ranks) && sameList(a.speeds, b.speeds)
}

function sameList<Value>(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}
