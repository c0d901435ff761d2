import type { SnapshotMember } from '@shoal/membership'
import type { BlockRange } from '@shoal/model'
import { makePlan, type MadePlan, type MakeOptions } from '../make-plan.ts'
import { createCluster } from '../search/cluster.ts'
import type { PlannerSnapshot } from '../snapshot.ts'
import { hasRoomForBoth } from './group-hardware.ts'
import { blocksLeast, planGroups } from './group-pipelines.ts'
import { apartSnapshot } from './group-snapshot.ts'
import { rankSpeeds } from './rank-speeds.ts'
import { mayGroup, speedsOf, type NamedGroup, type SharesOf } from './grouping.ts'

/**
 * Groups are formed when they make a token faster by this factor, in thousandths: predictions for groups are less
 * certain than those for single peers.
 */
const formPermille = 1250

export interface ChooseGroupsOptions {
  readonly making: MakeOptions
  /** The plan without groups. */
  readonly single: MadePlan
  readonly shares: SharesOf
}

/**
 * The options, with every member as a node by itself (`apart`) and the groups that serve now by their leaders
 * (`serving`).
 */
interface Choice extends ChooseGroupsOptions {
  readonly apart: PlannerSnapshot
  readonly serving: ReadonlyMap<string, Serving>
}

interface Serving {
  readonly group: NamedGroup
  readonly span: BlockRange
}

/**
 * The best plan with groups, given the groups that serve now; null when single peers do as well. Groups that serve stay
 * while they are no slower than the best plan of single peers, and other groups replace them only when those are
 * clearly faster, so that an adopted plan is stable.
 */
export function chooseGroups(snapshot: PlannerSnapshot, options: ChooseGroupsOptions): MadePlan | null {
  const { making, single, shares } = options
  const apart = apartSnapshot(snapshot)
  const present = createCluster(apart, making.users, blocksLeast(apart)).candidates.map(
    ({ member }) => member,
  )
  if (new Set(present.flatMap(({ machine }) => machine ?? [])).size < 2) return null
  const serving = servingGroups(snapshot, present, shares)
  const choice = { ...options, apart, serving }

  const now = [...serving.values()].map(({ group }) => group)
  const kept = now.length === 0 ? null : planOf(choice, now)
  const keptMicros = kept === null ? Number.POSITIVE_INFINITY : microsOf(kept)
  const stays = Number.isFinite(keptMicros) && keptMicros <= bestOf(single)
  // Every rank of a mixture of experts computes all but the experts: such a group is made for its memory, not for speed,
  // and stays as long as it is needed.
  if (apart.costs.activeExperts !== undefined && (stays || Number.isFinite(bestOf(single))))
    return stays ? kept : null
  const toBeat = stays ? keptMicros : bestOf(single)

  // Peers without room are left out of the next proposal: the best group of the others may still be worth forming.
  const cramped = new Set<string>()
  for (;;) {
    const proposed = propose(choice, cramped)
    if (proposed.length === 0 || (stays && sameGroups(proposed, now))) break
    const made = planOf(choice, proposed)
    if (microsOf(made) * formPermille > toBeat * 1000) break
    const without = withoutRoom(choice, proposed, made)
    if (without.length === 0) return made
    for (const peer of without) cramped.add(peer)
  }
  return stays ? kept : null
}

function planOf({ apart, making, shares, serving }: Choice, groups: readonly NamedGroup[]): MadePlan {
  const served = new Map(
    [...serving].flatMap(([leader, { group, span }]) => (groups.includes(group) ? [[leader, span]] : [])),
  )
  return makePlan(apart, making, { groups, shares, served })
}

/** Groups that serve now and whose ranks are all present, by leader. Of two groups that name one peer the first counts. */
function servingGroups(
  { members }: PlannerSnapshot,
  present: readonly SnapshotMember[],
  shares: SharesOf,
): ReadonlyMap<string, Serving> {
  const there = new Map(present.map((member) => [member.peerId, member]))
  const taken = new Set<string>()
  const serving = new Map<string, Serving>()
  for (const { peerId, state, span, group } of [...members].sort((a, b) => (a.peerId < b.peerId ? -1 : 1))) {
    if (group === undefined || state !== 'serving' || span === null) continue
    const names = [peerId, ...group.ranks]
    const found = names.flatMap((name) => there.get(name) ?? [])
    if (
      found.length < names.length ||
      names.some((name) => taken.has(name)) ||
      new Set(names).size < names.length
    )
      continue
    if (!mayGroup(found) || shares(group.speeds) === null) continue
    for (const name of names) taken.add(name)
    serving.set(peerId, { group: { leader: peerId, ranks: group.ranks, speeds: group.speeds }, span })
  }
  return serving
}

/**
 * The groups of the best pipeline of groups. A proposed group with the members of a serving group is replaced by the
 * serving one, so its split stays.
 */
function propose({ apart, shares, serving }: Choice, cramped: ReadonlySet<string>): readonly NamedGroup[] {
  const { grouped } = planGroups(apart, {
    shares,
    canSplit: (speeds) => shares(speedsOf(speeds.map((speed) => 1 / speed))) !== null,
    mayGroup: (members) => mayGroup(members) && !members.some(({ peerId }) => cramped.has(peerId)),
  })
  return (grouped?.stages ?? []).flatMap(({ peers }): NamedGroup[] => {
    const [leader, ...ranks] = peers
    if (leader === undefined || ranks.length === 0) return []
    const known = [...serving.values()].find(({ group }) =>
      sameMembers([group.leader, ...group.ranks], peers),
    )
    if (known !== undefined) return [known.group]
    const members = peers.map((peer) => memberOf(apart, peer))
    return [{ leader, ranks, speeds: rankSpeeds(apart, members) }]
  })
}

/**
 * Until a group serves, its peers hold what they would hold without it, so each of them needs room for both.
 * @returns the peers that do not have it
 */
function withoutRoom(
  { apart, single, shares, serving }: Choice,
  groups: readonly NamedGroup[],
  made: MadePlan,
): readonly string[] {
  return groups.flatMap((group) => {
    if (serving.get(group.leader)?.group === group) return []
    const shareOf = shares(group.speeds) ?? []
    const groupBlocks = mostBlocks(made.placements, group.leader)
    return [group.leader, ...group.ranks].filter((peer, rank) => {
      const { span, hardware } = memberOf(apart, peer)
      const held = span === null ? 0 : span.end - span.start
      const wholeBlocks = Math.max(held, mostBlocks(single.placements, peer))
      return !hasRoomForBoth(apart, hardware, { wholeBlocks, groupBlocks, permille: shareOf[rank] ?? 1000 })
    })
  })
}

function mostBlocks(placements: MadePlan['placements'], peer: string): number {
  return placements.reduce(
    (most, { peer: other, start, end }) => (other === peer ? Math.max(most, end - start) : most),
    0,
  )
}

function memberOf({ members }: PlannerSnapshot, peer: string): SnapshotMember {
  const member = members.find(({ peerId }) => peerId === peer)
  if (member === undefined) throw new Error(`${peer} is in a group and not in the snapshot`)
  return member
}

/** Predicted time of a token; infinite where the model is not covered. */
function microsOf({ prediction, uncovered }: MadePlan): number {
  return prediction === null || uncovered.length > 0 ? Number.POSITIVE_INFINITY : prediction.tpotMicros
}

/** Least time of a token over single peers, even where some of them would have to load other blocks for it. */
function bestOf(single: MadePlan): number {
  return Math.min(single.bestMicros ?? Number.POSITIVE_INFINITY, microsOf(single))
}

function sameGroups(a: readonly NamedGroup[], b: readonly NamedGroup[]): boolean {
  return a.length === b.length && a.every((group) => b.includes(group))
}

/** Compares memberships only: which of the members leads does not matter. */
function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((peer) => b.includes(peer))
}
