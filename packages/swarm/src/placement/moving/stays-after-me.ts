import type { Member } from '@shoal/membership'
import type { Placement } from '@shoal/planner'
import { sameGroup } from '../holding.ts'

/**
 * For each block, how many other live peers serve it now and are, by the plan, to go on with just the span they have.
 * Who is to hold more or less may have to let go of all of it for a while, so nobody counts on it. Peers with one
 * snapshot have one plan: when several want to give up the same block at once, those who may do so count on the same
 * keeper, and it is none of them.
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
 * For each block, how many other live peers are to hold it by the plan, whatever they hold now. This is enough to give a
 * block up while another one is served by nobody: nothing can be answered, and nodes whose spans only shift would else
 * wait for each other for ever.
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
