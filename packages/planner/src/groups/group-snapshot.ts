import type { Snapshot, SnapshotMember } from '@shoal/membership'
import { shareMemoryBytes } from '../costs/costs.ts'
import { contextTokensOf, type PlannerSnapshot } from '../snapshot.ts'
import { groupHardware } from './group-hardware.ts'
import type { Grouping } from './grouping.ts'

/** Every member with the hardware that it has by itself, also the members that lead a group now. */
export function apartSnapshot<Given extends Snapshot>(snapshot: Given): Given {
  return {
    ...snapshot,
    members: snapshot.members.map(({ group, ...member }) =>
      group === undefined ? member : { ...member, hardware: group.alone },
    ),
  }
}

/** The snapshot from which a pipeline is made: leaders stand for their groups, and the other ranks are left out. */
export function groupedSnapshot(
  apart: PlannerSnapshot,
  { groups, shares, served }: Grouping,
): PlannerSnapshot {
  const ranks = new Set(groups.flatMap((group) => group.ranks))
  const led = new Map(groups.map((group) => [group.leader, group]))
  const find = (peer: string): SnapshotMember[] => apart.members.filter(({ peerId }) => peerId === peer)
  return {
    ...apart,
    members: apart.members.flatMap((member) => {
      if (ranks.has(member.peerId)) return []
      const group = led.get(member.peerId)
      if (group === undefined) return [member]
      const members = [member, ...group.ranks.flatMap(find)]
      return [
        {
          ...member,
          span: served.get(member.peerId) ?? null,
          hardware: groupHardware({ ...apart, members }, shares(group.speeds) ?? []),
        },
      ]
    }),
  }
}

/**
 * Adds the ranks that {@link groupedSnapshot} leaves out, with the memory that their shares leave for copies.
 * @param blocks how many blocks each group holds, by leader
 */
export function withRanks(
  grouped: PlannerSnapshot,
  apart: PlannerSnapshot,
  { groups, shares }: Grouping,
  blocks: ReadonlyMap<string, number>,
): PlannerSnapshot {
  const contextTokens = contextTokensOf(apart)
  const ranks = groups.flatMap(({ leader, ranks: names, speeds }) => {
    const permille = shares(speeds) ?? []
    return names.flatMap((name, index) => {
      const share = { blocks: blocks.get(leader) ?? 0, permille: permille[index + 1] ?? 1000 }
      const usedBytes = shareMemoryBytes(share, apart.costs, contextTokens)
      return apart.members
        .filter(({ peerId }) => peerId === name)
        .map((member) => ({
          ...member,
          hardware: {
            ...member.hardware,
            memoryBytes: Math.max(0, member.hardware.memoryBytes - usedBytes),
          },
        }))
    })
  })
  return {
    ...grouped,
    members: [...grouped.members, ...ranks].sort((a, b) => (a.peerId < b.peerId ? -1 : 1)),
  }
}
