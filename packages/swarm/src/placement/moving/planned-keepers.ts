import type { Member } from '@shoal/membership'
import type { Placement } from '@shoal/planner'
import { sameGroup } from '../holding.ts'

/**
 * For each block, how many other live peers keep it: they serve it now, and the plan gives them exactly the span that
 * they have. A peer with another planned span may have to let all of its blocks go for a while, so it does not count.
 * Peers with one snapshot have one plan. When several of them give up the same block at once, all count on the same
 * keeper, which is none of them.
 */
export function countKeepers(
  members: readonly Member[],
  placements: readonly Placement[],
  selfId: string,
  blockCount: number,
): number[] {
  const counts = new Array<number>(blockCount).fill(0)
  const planned = new Map(placements.map((placement) => [placement.peer, placement]))
  for (const { record, liveness } of members) {
    const { span, state, peerId, group } = record
    const placement = planned.get(peerId)
    if (liveness !== 'alive' || state !== 'serving' || span === null || peerId === selfId) continue
    if (placement?.start !== span.start || placement.end !== span.end || !sameGroup(placement.group, group))
      continue
    for (let block = span.start; block < Math.min(span.end, blockCount); block += 1)
      counts[block] = (counts[block] ?? 0) + 1
  }
  return counts
}

/**
 * For each block, how many other live peers hold it by the plan, whatever they hold now. While some block has no holder,
 * this is enough to give another block up: nothing can be answered meanwhile, and nodes whose spans only shift would
 * otherwise wait for each other for ever.
 */
export function countPlannedHolders(
  members: readonly Member[],
  placements: readonly Placement[],
  selfId: string,
  blockCount: number,
): number[] {
  const counts = new Array<number>(blockCount).fill(0)
  const live = new Set(
    members.flatMap(({ record, liveness }) => (liveness === 'alive' ? [record.peerId] : [])),
  )
  for (const { peer, start, end } of placements) {
    if (peer === selfId || !live.has(peer)) continue
    for (let block = start; block < Math.min(end, blockCount); block += 1)
      counts[block] = (counts[block] ?? 0) + 1
  }
  return counts
}
