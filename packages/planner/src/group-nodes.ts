import type { MemberHardware, Snapshot, SnapshotMember } from '@shoal/membership'
import type { BlockRange } from '@shoal/model'
import {
  blockShareBytes,
  defaultContextTokens,
  shareMemoryBytes,
  usableBytes,
  type ModelCosts,
} from './costs.ts'
import { sumMicros, sumsPerBlock } from './group-sums.ts'
import { hopMicros } from './links.ts'

/** Who computes blocks with a peer that leads. */
export interface GroupOf {
  /** Ranks 1 and up. */
  readonly ranks: readonly string[]
  /** Of all ranks, the leader's first: whole numbers, of which only the ratios count. */
  readonly speeds: readonly number[]
}

export interface NamedGroup extends GroupOf {
  readonly leader: string
}

/** Thousandths of each block that ranks of these speeds get; null when the model cannot be split so (`rankPermille` of `@shoal/model`). */
export type SharesOf = (speeds: readonly number[]) => readonly number[] | null

/** The fastest rank has this speed: a rank of a sixteenth is not worth its sums, and speeds that measurements shake a little stay the same. */
const fullSpeed = 16

/** Rows of a prefill's chunk, which share what a sum costs however few rows it has. */
const chunkRows = 128

/** Small whole numbers in the proportions of these times. */
export function speedsOf(blockMicros: readonly number[]): readonly number[] {
  const fastest = Math.min(...blockMicros)
  return blockMicros.map((micros) => Math.max(1, Math.round((fullSpeed * fastest) / micros)))
}

/** The peers of a group are devices of their own that take part: those that share a machine would be promised its cores twice. */
export function mayGroup(members: readonly SnapshotMember[]): boolean {
  const machines = members.map(({ machine }) => machine)
  return (
    !machines.includes(undefined) &&
    new Set(machines).size === machines.length &&
    members.every(({ numericClass }) => numericClass !== 'none')
  )
}

/** Every member as it is by itself, also those that lead a group now. */
export function apartSnapshot({ members }: Snapshot): Snapshot {
  return {
    members: members.map(({ group, ...member }) =>
      group === undefined ? member : { ...member, hardware: group.alone },
    ),
  }
}

/** What a group does, as if it was one peer at its leader's place. @param members by rank, each as it is by itself */
export function groupHardware(
  members: readonly SnapshotMember[],
  permille: readonly number[],
  costs: ModelCosts,
  contextTokens = defaultContext(costs),
): MemberHardware {
  const [leader] = members
  if (leader === undefined) throw new Error('a group has a leader')
  const most = (of: (hardware: MemberHardware) => number): number =>
    Math.max(...members.map(({ hardware }, rank) => Math.ceil((of(hardware) * (permille[rank] ?? 0)) / 1000)))
  const sums = sumsPerBlock * sumMicros(members, costs)
  // The rows of a call go to every rank first, once for all blocks of the stage.
  const told = Math.max(0, ...members.slice(1).map((member) => hopMicros(leader, member, costs.rowBytes)))
  const perRow =
    sumsPerBlock * (sumMicros(members, { ...costs, rowBytes: chunkRows * costs.rowBytes }) / chunkRows)
  return {
    ...leader.hardware,
    memoryBytes: Math.min(
      ...members.map(({ hardware }, rank) =>
        groupMemory(hardware.memoryBytes, permille[rank] ?? 1000, costs, contextTokens),
      ),
    ),
    decodeMicrosPerBlock:
      most(({ decodeMicrosPerBlock }) => decodeMicrosPerBlock) + sums + Math.ceil(told / costs.blockCount),
    decodeMicrosPer1024Past: most(({ decodeMicrosPer1024Past = 0 }) => decodeMicrosPer1024Past),
    prefillMicrosPerRowBlock:
      most(({ prefillMicrosPerRowBlock }) => prefillMicrosPerRowBlock) + Math.ceil(perRow),
  }
}

/** Memory of a peer that has room for as many blocks as a rank with this much has for its share of them. */
function groupMemory(
  memoryBytes: number,
  permille: number,
  costs: ModelCosts,
  contextTokens: number,
): number {
  const journal = contextTokens * costs.rowBytes
  const forBlocks = Math.max(0, usableBytes(memoryBytes) - journal)
  return Math.floor((Math.floor((forBlocks * 1000) / permille) + journal) / 800) * 1000
}

/**
 * Leaders as their groups, for a pipeline; the other ranks are in no pipeline of their own.
 * @param served spans of groups that serve now, by leader; others hold nothing yet
 */
export function groupedSnapshot(
  apart: Snapshot,
  groups: readonly NamedGroup[],
  shares: SharesOf,
  costs: ModelCosts,
  contextTokens: number,
  served: ReadonlyMap<string, BlockRange>,
): Snapshot {
  const ranks = new Set(groups.flatMap((group) => group.ranks))
  const led = new Map(groups.map((group) => [group.leader, group]))
  const find = (peer: string): SnapshotMember[] => apart.members.filter(({ peerId }) => peerId === peer)
  return {
    members: apart.members.flatMap((member) => {
      if (ranks.has(member.peerId)) return []
      const group = led.get(member.peerId)
      if (group === undefined) return [member]
      const members = [member, ...group.ranks.flatMap(find)]
      return [
        {
          ...member,
          span: served.get(member.peerId) ?? null,
          hardware: groupHardware(members, shares(group.speeds) ?? [], costs, contextTokens),
        },
      ]
    }),
  }
}

/**
 * The same with the other ranks, which may hold copies in the memory that their shares leave.
 * @param blocks of each group, by leader
 */
export function withRanks(
  grouped: Snapshot,
  apart: Snapshot,
  groups: readonly NamedGroup[],
  shares: SharesOf,
  costs: ModelCosts,
  contextTokens: number,
  blocks: ReadonlyMap<string, number>,
): Snapshot {
  const ranks = groups.flatMap(({ leader, ranks: names, speeds }) => {
    const permille = shares(speeds) ?? []
    return names.flatMap((name, index) =>
      apart.members
        .filter(({ peerId }) => peerId === name)
        .map((member) => ({
          ...member,
          hardware: {
            ...member.hardware,
            memoryBytes: Math.max(
              0,
              member.hardware.memoryBytes -
                shareMemoryBytes(blocks.get(leader) ?? 0, permille[index + 1] ?? 1000, costs, contextTokens),
            ),
          },
        })),
    )
  })
  return { members: [...grouped.members, ...ranks].sort((a, b) => (a.peerId < b.peerId ? -1 : 1)) }
}

/** Whether a peer has room for its share of a group's blocks beside whole blocks: nothing is given up before the group serves. */
export function hasRoomForBoth(
  { memoryBytes }: MemberHardware,
  blocks: number,
  groupBlocks: number,
  permille: number,
  costs: ModelCosts,
  contextTokens: number,
): boolean {
  const needed =
    contextTokens * costs.rowBytes +
    blocks * blockShareBytes(1000, costs, contextTokens) +
    groupBlocks * blockShareBytes(permille, costs, contextTokens)
  return needed <= usableBytes(memoryBytes)
}

function defaultContext(costs: ModelCosts): number {
  return Math.min(defaultContextTokens, costs.contextLength)
}
