import type { Member } from '@shoal/membership'
import type { Placement, Plan } from '@shoal/planner'
import { sameGroup, sameHolding, type Holding } from './holding.ts'

/**
 * What the plan wants of this node now; null for nothing. Until a group serves, its peers hold what they would hold
 * without it. Once the leader holds that, it forms the group. So when a group cannot be formed or is lost, its blocks are
 * missing for no longer than a span takes to load.
 */
export function wantedBy(
  { placements, apart }: Pick<Plan, 'placements' | 'apart'>,
  selfId: string,
  held: Holding | null,
  members: readonly Member[],
): Holding | null {
  const stage = placements.find(
    ({ peer, group }) => group !== undefined && (peer === selfId || group.ranks.includes(selfId)),
  )
  if (stage === undefined || serves(members, stage)) return holdingOf(placements, selfId)
  const alone = holdingOf(apart, selfId)
  const settled = alone === null || (held !== null && sameHolding(held, alone))
  return stage.peer === selfId && settled ? holdingOf(placements, selfId) : alone
}

function serves(members: readonly Member[], { peer, start, end, group }: Placement): boolean {
  return members.some(
    ({ record, liveness }) =>
      record.peerId === peer &&
      liveness === 'alive' &&
      record.state === 'serving' &&
      record.span?.start === start &&
      record.span.end === end &&
      sameGroup(record.group, group),
  )
}

function holdingOf(placements: readonly Placement[], peer: string): Holding | null {
  const found = placements.find((placement) => placement.peer === peer)
  return found === undefined
    ? null
    : { start: found.start, end: found.end, ...(found.group !== undefined && { group: found.group }) }
}
