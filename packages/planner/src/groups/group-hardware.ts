import type { MemberHardware } from '@shoal/membership'
import { blockShareBytes, usableBytes, type ModelCosts } from '../costs/costs.ts'
import { hopMicros } from '../costs/links.ts'
import { contextTokensOf, type PlannerSnapshot } from '../snapshot.ts'
import { blockSumMicros } from './group-sums.ts'

/** Rows of one chunk of a prefill. They share the fixed cost of a sum. */
const chunkRows = 128

/**
 * The hardware figures of a group, planned as one peer in its leader's place.
 * @param group the ranks of the group as its members, the leader first, each with the hardware that it has by itself
 * @param permille thousandths of each block that each rank computes
 */
export function groupHardware(group: PlannerSnapshot, permille: readonly number[]): MemberHardware {
  const { members, costs } = group
  const [leader] = members
  if (leader === undefined) throw new Error('a group has a leader')
  const most = (of: (hardware: MemberHardware) => number): number =>
    Math.max(...members.map(({ hardware }, rank) => Math.ceil((of(hardware) * (permille[rank] ?? 0)) / 1000)))
  const sums = blockSumMicros(members, costs)
  // Before a call, its rows travel to every other rank, once for all blocks of the stage.
  const told = Math.max(0, ...members.slice(1).map((member) => hopMicros(leader, member, costs.rowBytes)))
  const perRow = blockSumMicros(members, { ...costs, rowBytes: chunkRows * costs.rowBytes }) / chunkRows
  const contextTokens = contextTokensOf(group)
  return {
    ...leader.hardware,
    memoryBytes: Math.min(
      ...members.map(({ hardware }, rank) =>
        wholeMemory(
          hardware.memoryBytes,
          memoryPermille(permille[rank] ?? 1000, costs, contextTokens),
          contextTokens * costs.rowBytes,
        ),
      ),
    ),
    decodeMicrosPerBlock:
      most(({ decodeMicrosPerBlock }) => decodeMicrosPerBlock) + sums + Math.ceil(told / costs.blockCount),
    decodeMicrosPer1024Past: most(({ decodeMicrosPer1024Past = 0 }) => decodeMicrosPer1024Past),
    prefillMicrosPerRowBlock:
      most(({ prefillMicrosPerRowBlock }) => prefillMicrosPerRowBlock) + Math.ceil(perRow),
  }
}

/** Thousandths of a block's memory that a share takes: more than of its weights where every rank keeps the whole cache. */
function memoryPermille(permille: number, costs: ModelCosts, contextTokens: number): number {
  if (costs.activeExperts === undefined) return permille
  const whole = blockShareBytes(1000, costs, contextTokens)
  return Math.ceil((1000 * blockShareBytes(permille, costs, contextTokens)) / whole)
}

/** Memory of a peer that has room for as many whole blocks as a rank with `memoryBytes` has for its share of them. */
function wholeMemory(memoryBytes: number, permille: number, journalBytes: number): number {
  const forBlocks = Math.max(0, usableBytes(memoryBytes) - journalBytes)
  return Math.floor((Math.floor((forBlocks * 1000) / permille) + journalBytes) / 800) * 1000
}

/** What a rank holds while its group is being formed: whole blocks, and its share of the group's blocks. */
export interface BothHoldings {
  readonly wholeBlocks: number
  readonly groupBlocks: number
  /** Thousandths of each of the group's blocks. */
  readonly permille: number
}

/** Whether a peer has room for its share beside its whole blocks. It needs both, because it releases nothing before the group serves. */
export function hasRoomForBoth(
  snapshot: PlannerSnapshot,
  { memoryBytes }: MemberHardware,
  { wholeBlocks, groupBlocks, permille }: BothHoldings,
): boolean {
  const { costs } = snapshot
  const contextTokens = contextTokensOf(snapshot)
  const needed =
    contextTokens * costs.rowBytes +
    wholeBlocks * blockShareBytes(1000, costs, contextTokens) +
    groupBlocks * blockShareBytes(permille, costs, contextTokens)
  return needed <= usableBytes(memoryBytes)
}
