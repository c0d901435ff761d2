import type { SnapshotMember } from '@shoal/membership'
import { decodeMicros, planningPast } from '../costs/compute.ts'
import { spanBytes, usableBytes } from '../costs/costs.ts'
import { contextTokensOf, type PlannerSnapshot } from '../snapshot.ts'
import { speedsOf } from './grouping.ts'

/**
 * The proportions in which these members would share blocks. Ranks share heads and columns to save time, so by their speeds;
 * they share experts because no peer has room for them, so by their memory, which never changes while a node runs.
 */
export function rankSpeeds(snapshot: PlannerSnapshot, members: readonly SnapshotMember[]): readonly number[] {
  if (snapshot.costs.activeExperts === undefined)
    return speedsOf(members.map(({ hardware }) => decodeMicros(hardware, planningPast)))
  const journalBytes = spanBytes(0, snapshot.costs, contextTokensOf(snapshot))
  return speedsOf(
    members.map(({ hardware }) => 1 / Math.max(1, usableBytes(hardware.memoryBytes) - journalBytes)),
  )
}
